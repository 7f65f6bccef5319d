/// The `m=` line of a media description: `<media> <port>[/<number of ports>] <proto> <fmt> …`. RFC 8866 §5.14.
public struct MediaField: Hashable, Sendable {
    /// Media type: `audio`, `video`, `image`, …
    public let media: ByteString

    /// Transport port; zero means that the stream is refused or disabled (RFC 3264 §5.1).
    public let port: UInt16

    /// Number of ports, when it is given.
    public let portCount: UInt32?

    /// `<proto>`: `RTP/AVP`, `RTP/SAVP`, `UDP/TLS/RTP/SAVPF`, …
    public let transport: ByteString

    /// Formats in order of preference: payload types where the transport is of the RTP family.
    public let formats: [ByteString]

    /// Makes a line of its parts; `nil` if one of them does not follow the grammar.
    public init?(media: ByteString, port: UInt16, transport: ByteString, formats: [ByteString]) {
        guard media.bytes.isToken, MediaField.isTransport(transport.bytes) else { return nil }
        guard formats.allSatisfy(\.bytes.isVisible) else { return nil }
        self.init(unchecked: media, port: port, transport: transport, formats: formats)
    }

    /// Takes parts that are known to follow the grammar.
    init(unchecked media: ByteString, port: UInt16, transport: ByteString, formats: [ByteString]) {
        self.media = media
        self.port = port
        portCount = nil
        self.transport = transport
        self.formats = formats
    }

    /// Reads the value of an `m=` line; `nil` if it does not follow the grammar. A line without any format is read, as
    /// some peers refuse a stream that way.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count >= 3, fields[0].isToken, MediaField.isTransport(fields[2]) else { return nil }
        let (port, count) = fields[1].cut(at: .slash)
        guard let portNumber = port.decimal(limit: UInt64(UInt16.max)) else { return nil }
        if let count {
            guard let number = count.decimal(limit: UInt64(UInt32.max)), number > 0 else { return nil }
            portCount = UInt32(number)
        } else {
            portCount = nil
        }
        guard fields[3...].allSatisfy(\.isVisible) else { return nil }
        media = ByteString(unchecked: fields[0])
        self.port = UInt16(portNumber)
        transport = ByteString(unchecked: fields[2])
        formats = fields[3...].map(ByteString.init(unchecked:))
    }

    private static func isTransport(_ text: ArraySlice<UInt8>) -> Bool {
        text.split(separator: .slash, omittingEmptySubsequences: false).allSatisfy(\.isToken)
    }

    /// The same line with another port.
    public func withPort(_ port: UInt16) -> MediaField {
        MediaField(unchecked: media, port: port, transport: transport, formats: formats)
    }

    /// The same line with another transport; nil when that is none.
    public func withTransport(_ transport: ByteString) -> MediaField? {
        MediaField(media: media, port: port, transport: transport, formats: formats)
    }

    /// The value of the line.
    public var value: ByteString {
        var bytes = media.bytes + [.space] + String(port).utf8
        if let portCount { bytes += [.slash] + String(portCount).utf8 }
        bytes += [.space] + transport.bytes
        for format in formats { bytes += [.space] + format.bytes }
        return ByteString(unchecked: bytes)
    }
}
