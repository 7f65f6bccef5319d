/// A media description: an `m=` line and all lines up to the next. RFC 8866 §5.14.
public struct MediaDescription: Hashable, Sendable, DescriptionLevel {
    /// The `m=` line. Setting it writes the line anew.
    public var field: MediaField {
        didSet { line = Line(.media, field.value, ending: line.ending) }
    }

    /// The lines behind the `m=` line.
    public var section: Section

    /// The `m=` line as it came, or as `field` was written.
    private(set) var line: Line

    /// Makes a description without further lines.
    public init(_ field: MediaField) {
        self.field = field
        section = Section()
        line = Line(.media, field.value)
    }

    /// Takes a line whose value is that of `field`.
    init(_ field: MediaField, line: Line) {
        self.field = field
        section = Section()
        self.line = line
    }

    /// Media type: `audio`, `video`, …
    public var media: ByteString { field.media }

    /// Transport port; zero means that the stream is refused or disabled.
    public var port: UInt16 {
        get { field.port }
        set { field = field.withPort(newValue) }
    }

    /// The formats of the `m=` line that are RTP payload types, in order of preference, each once.
    public var payloadTypes: [UInt8] {
        var seen: Set<UInt8> = []
        return field.formats.compactMap { format in
            guard let number = format.bytes.decimal(limit: UInt64(RTPMap.maximumPayloadType)) else { return nil }
            return seen.insert(UInt8(number)).inserted ? UInt8(number) : nil
        }
    }

    /// All `a=rtpmap` that follow the grammar. A number that is mapped twice means what was said first.
    public var rtpMaps: [RTPMap] {
        attributes(named: .rtpmap).compactMap { $0.value.flatMap(RTPMap.init) }
    }

    /// The parameters of a format, of the first `a=fmtp` for it.
    public func formatParameters(for format: ByteString) -> FormatParameters? {
        attributes(named: .fmtp).lazy.compactMap { $0.value.flatMap(FormatParameters.init) }.first {
            $0.format == format
        }
    }

    /// `a=ptime`: media per packet that the writer would like to receive.
    public var packetTime: Duration? {
        attribute(named: .ptime)?.value.flatMap(PacketTime.parse)
    }

    /// `a=maxptime`: most media per packet that the writer can take.
    public var maximumPacketTime: Duration? {
        attribute(named: .maxptime)?.value.flatMap(PacketTime.parse)
    }

    /// `a=rtcp`: where RTCP is received, if that is stated.
    public var rtcp: RTCPAttribute? {
        attribute(named: .rtcp)?.value.flatMap(RTCPAttribute.init)
    }

    /// `a=rtcp-mux`: RTP and RTCP share a port (RFC 5761 §5.1.1).
    public var isRTCPMultiplexed: Bool { attribute(named: .rtcpMux) != nil }

    /// `a=rtcp-rsize`: RTCP may be other than compound packets (RFC 5506 §5).
    public var allowsReducedSizeRTCP: Bool { attribute(named: .rtcpRsize) != nil }

    /// `a=mid`: the tag that names this description in groups (RFC 5888 §4).
    public var identification: ByteString? { attribute(named: .mid)?.value }
}
