extension MediaCapabilities {
    /// The description that tells what the local side could do, for the response to an OPTIONS: one `m=` line for each
    /// media type, with port zero so that nobody takes it for an offer. RFC 3264 §9.
    ///
    /// - Parameter origin: An origin whose session identifier is not used for anything else.
    public func description(origin: Origin) -> SessionDescription {
        var description = SessionDescription(origin: origin)
        description.attributes = attributes
        var seen: Set<ByteString> = []
        for stream in streams where !stream.formats.isEmpty && seen.insert(stream.media).inserted {
            if description.connection == nil { description.connection = Connection(stream.address) }
            guard let formats = PayloadTypeTable().assign(stream.formats) else { continue }
            let transport = stream.transports.first ?? "RTP/AVP"
            var media = DescriptionComposer.MediaLine(
                stream, transport: transport, formats: formats, direction: stream.direction,
                multiplexesRTCP: stream.multiplexesRTCP, reducesRTCP: stream.offersReducedSizeRTCP(over: transport)
            ).description
            media.port = 0
            description.media.append(media)
        }
        return description
    }
}
