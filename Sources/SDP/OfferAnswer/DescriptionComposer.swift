/// Writes offers and answers.
struct DescriptionComposer {
    /// An `m=` line with the `c=` line that it needs; none for a line that is not in use.
    struct MediaLine {
        var description: MediaDescription
        var connection: Connection?

        /// A line that is refused or disabled: port zero, the same media, transport and formats (RFC 3264 §6). At least
        /// one format must be there, even where the peer listed none.
        init(unused field: MediaField, identification: ByteString? = nil) {
            let formats = field.formats.isEmpty ? ["0"] : field.formats
            description = MediaDescription(
                MediaField(unchecked: field.media, port: 0, transport: field.transport, formats: formats))
            connection = nil
            identify(by: identification)
        }

        /// A line in use; `family` is named beside an address that is a host name.
        init(
            _ stream: StreamCapability, family: ConnectionAddress.Family? = nil, transport: ByteString,
            formats: [RTPFormat], direction: Direction,
            multiplexesRTCP: Bool, reducesRTCP: Bool
        ) {
            description = MediaDescription(
                MediaField(
                    unchecked: stream.media, port: stream.port, transport: transport,
                    formats: formats.map { ByteString($0.payloadType) }))
            connection = Connection(stream.address, family: family)
            var attributes: [Attribute] = []
            for format in formats {
                attributes.append(format.codec.map(format.payloadType).attribute)
                if let parameters = format.parameters {
                    let text = FormatParameters(unchecked: ByteString(format.payloadType), parameters: parameters)
                    attributes.append(text.attribute)
                }
            }
            if let time = stream.packetTime { attributes.append(Attribute(unchecked: .ptime, PacketTime.text(time))) }
            if let time = stream.maximumPacketTime {
                attributes.append(Attribute(unchecked: .maxptime, PacketTime.text(time)))
            }
            if let port = stream.rtcpPort { attributes.append(RTCPAttribute(port: port).attribute) }
            if multiplexesRTCP { attributes.append(Attribute(unchecked: .rtcpMux)) }
            if reducesRTCP { attributes.append(Attribute(unchecked: .rtcpRsize)) }
            attributes.append(direction.attribute)
            description.attributes = attributes + stream.attributes
        }

        /// Names the line (RFC 5888 §4).
        mutating func identify(by tag: ByteString?) {
            if let tag { description.append(Attribute(unchecked: .mid, tag)) }
        }

        /// Whether two lines are received at the same port, so that they may be bundled.
        fileprivate func isReceived(with other: MediaLine) -> Bool {
            connection == other.connection && description.port == other.description.port
        }
    }

    /// The group of lines that share one transport (RFC 9143 §7): the first of some tags that is in use, and those that are received
    /// where it is.
    ///
    /// - Parameter tags: of the lines that may be in it, the first the most wished for.
    static func bundle(_ tags: [ByteString], of lines: [MediaLine]) -> MediaGroup? {
        let used = tags.compactMap { tag in
            lines.first { $0.connection != nil && $0.description.identification == tag }
        }
        guard let first = used.first else { return nil }
        return .bundle(used.filter { $0.isReceived(with: first) }.compactMap(\.description.identification))
    }

    let origin: Origin
    let name: ByteString

    /// Where the session has its `c=` line when no media is in use.
    let address: ConnectionAddress

    /// A description of lines. The `c=` line stands at the session level, and again where a line has another address.
    ///
    /// - Parameter offer: The offer that is answered, whose times must be repeated (RFC 3264 §6).
    func compose(_ lines: [MediaLine], attributes: [Attribute], answering offer: SessionDescription? = nil)
        -> SessionDescription
    {
        var description = SessionDescription(origin: origin, name: name)
        let common = lines.lazy.compactMap(\.connection).first ?? Connection(address)
        description.connection = common
        description.attributes = attributes
        if let offer { description.section.repeatTimes(of: offer.section) }
        description.media = lines.map { line in
            var media = line.description
            if let connection = line.connection, connection != common { media.connection = connection }
            return media
        }
        return description
    }
}

extension Section {
    /// Takes the time lines of another description, if it has any.
    fileprivate mutating func repeatTimes(of other: Section) {
        let types: [LineType] = [.time, .repeatTimes, .zones]
        let times = other.lines.filter { types.contains($0.type) }
        guard !times.isEmpty else { return }
        lines.removeAll { types.contains($0.type) }
        for line in times { insert(Line(line.type, line.value)) }
    }
}
