/// A format that the local side can send and receive.
public struct FormatCapability: Hashable, Sendable {
    /// A parameter that makes another format of the same codec, so that both sides must agree on it: AMR's
    /// `octet-align`, for example. RFC 3264 §6.1.
    public struct DefiningParameter: Hashable, Sendable {
        /// Name in `a=fmtp`.
        public var name: ByteString
        /// What its absence means.
        public var defaultValue: ByteString

        /// Makes a parameter of its parts.
        public init(name: ByteString, defaultValue: ByteString) {
            self.name = name
            self.defaultValue = defaultValue
        }
    }

    /// What redundant data repeat (RFC 2198).
    public struct Redundancy: Hashable, Sendable {
        /// The codec whose payloads a packet holds.
        public var codec: Codec
        /// How many payloads a packet holds at most, its own one included.
        public var blocks: Int

        /// Makes it of its parts; there are two blocks at least.
        public init(of codec: Codec, blocks: Int = 2) {
            self.codec = codec
            self.blocks = max(2, blocks)
        }

        /// The text of `a=fmtp` where the codec has a number: that number for each block (RFC 2198 §5).
        func parameters(_ payloadType: UInt8) -> ByteString {
            let text = Array(repeating: "\(payloadType)", count: blocks).joined(separator: "/")
            return ByteString(unchecked: ArraySlice(text.utf8))
        }
    }

    /// The encoding.
    public var codec: Codec

    /// Number to offer it with; without one a fixed number, if the codec has one, or a free dynamic number is taken.
    /// Answers use the number of the offer.
    public var payloadType: UInt8?

    /// Text of `a=fmtp`: what the peer is asked for.
    public var parameters: ByteString?

    /// Parameters on which both sides must agree.
    public var definingParameters: [DefiningParameter] = []

    /// What is repeated where this is redundant data: `parameters` are then written once the codec has a number.
    public var redundancy: Redundancy?

    /// Makes a format of its parts.
    public init(_ codec: Codec, payloadType: UInt8? = nil, parameters: ByteString? = nil) {
        self.codec = codec
        self.payloadType = payloadType
        self.parameters = parameters
    }

    /// Redundant data of a codec, with its clock and channels (RFC 2198 §5).
    public init(redundant codec: Codec, blocks: Int = 2) {
        self.init(Codec(unchecked: "red", codec.clockRate, codec.channels))
        redundancy = Redundancy(of: codec, blocks: blocks)
    }

    /// G.711 µ-law.
    public static let pcmu = FormatCapability(.pcmu)
    /// G.711 A-law.
    public static let pcma = FormatCapability(.pcma)
    /// DTMF at 8 kHz, on the number that nearly everyone uses for it.
    public static let telephoneEvent = FormatCapability(
        .telephoneEvent, payloadType: 101, parameters: TelephoneEvents.dtmf.list)

    /// Whether a format of the peer is this one.
    func matches(_ format: RTPFormat) -> Bool {
        codec == format.codec
            && definingParameters.allSatisfy { value(of: $0, in: parameters) == value(of: $0, in: format.parameters) }
    }

    private func value(of parameter: DefiningParameter, in text: ByteString?) -> ByteString {
        text.flatMap { FormatParameters.value(of: parameter.name, in: $0) } ?? parameter.defaultValue
    }

    /// The parameters to answer with: the local ones, and those of the offer that define the format, since the answer
    /// must repeat them (RFC 3264 §6.1).
    func answeredParameters(to offered: ByteString?) -> ByteString? {
        var text = parameters?.bytes ?? []
        for parameter in definingParameters {
            guard let value = offered.flatMap({ FormatParameters.value(of: parameter.name, in: $0) }),
                FormatParameters.value(of: parameter.name, in: ByteString(unchecked: text)) == nil
            else { continue }
            if !text.isEmpty { text += [.semicolon] }
            text += parameter.name.bytes + [.equals] + value.bytes
        }
        return text.isEmpty ? nil : ByteString(unchecked: text)
    }
}

/// A stream that the local side can take part in: where it receives, with which formats, and how.
public struct StreamCapability: Hashable, Sendable, Identifiable {
    /// Names the stream through all offers and answers of a session; the `m=` line is found by it.
    public var id: Int

    /// Media type.
    public var media: ByteString = "audio"

    /// Transports that are understood; the first is offered. Of AVPF no feedback message is asked for, and a peer may not
    /// rely on a reaction to any (RFC 4585 §4.2).
    public var transports: [ByteString] = ["RTP/AVP", "RTP/AVPF"]

    /// Where media is received.
    public var address: ConnectionAddress

    /// Port where media is received; zero takes the stream out of the session.
    public var port: UInt16

    /// Port where RTCP is received, when it is not the next one (RFC 3605).
    public var rtcpPort: UInt16?

    /// Whether RTCP may share the port of RTP (RFC 5761).
    public var multiplexesRTCP = false

    /// Whether RTCP may come that is no compound, where the transport is one with feedback (`a=rtcp-rsize`, RFC 5506 §5).
    public var allowsReducedSizeRTCP = true

    /// Whether the far side may have an address of the other version of IP, since checks find the way between candidates of both (RFC 8445).
    public var takesAnyFamily = false

    /// Formats in order of preference.
    public var formats: [FormatCapability]

    /// Media per packet that the local side would like to receive.
    public var packetTime: Duration? = .milliseconds(20)

    /// Most media per packet that the local side can take.
    public var maximumPacketTime: Duration?

    /// What the local side wants: `sendrecv` to talk, `sendonly` to put the peer on hold, `inactive` to rest.
    public var direction: Direction = .sendrecv

    /// Further attributes, written as they are.
    public var attributes: [Attribute] = []

    /// The formats of a stream when nothing else is said: G.711 and DTMF.
    public static let defaultFormats: [FormatCapability] = [.pcmu, .pcma, .telephoneEvent]

    /// Makes an audio stream.
    public init(
        id: Int = 0, address: ConnectionAddress, port: UInt16,
        formats: [FormatCapability] = StreamCapability.defaultFormats
    ) {
        self.id = id
        self.address = address
        self.port = port
        self.formats = formats
    }

    /// Whether the stream can take part at all.
    var isUsable: Bool { port != 0 && !formats.isEmpty && !transports.isEmpty }

    /// Whether a description with a transport says that RTCP may be of reduced size: only the profiles AVPF and SAVPF have it
    /// (RFC 5506 §3).
    func offersReducedSizeRTCP(over transport: ByteString) -> Bool {
        let parts = transport.bytes.split(separator: UInt8(ascii: "/"))
        return allowsReducedSizeRTCP
            && (parts.last.map { ["AVPF", "SAVPF"].contains(ByteString(unchecked: $0)) } ?? false)
    }

    /// Whether at least one format can make a call alone.
    var hasPrimaryFormat: Bool { formats.contains { !$0.codec.isAncillary } }
}

/// What the local side brings to an offer or an answer.
public struct MediaCapabilities: Hashable, Sendable {
    /// The streams, in the order in which they are offered, or given to the `m=` lines of an offer.
    public var streams: [StreamCapability]

    /// Attributes of the session level, written as they are.
    public var attributes: [Attribute] = []

    /// Whether offers name their `m=` lines and say that those with one port share one transport (BUNDLE, RFC 9143 §7.2), as
    /// browsers wish. Answers follow the offer.
    public var bundles = false

    /// Makes capabilities of streams.
    public init(streams: [StreamCapability]) {
        self.streams = streams
    }

    /// A single audio stream.
    public static func audio(
        address: ConnectionAddress, port: UInt16, formats: [FormatCapability] = StreamCapability.defaultFormats
    ) -> MediaCapabilities {
        MediaCapabilities(streams: [StreamCapability(address: address, port: port, formats: formats)])
    }
}
