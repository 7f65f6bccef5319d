/// A payload type with what it stands for in one direction of one stream.
public struct RTPFormat: Hashable, Sendable {
    /// Number in the RTP header, 0 to 127.
    public let payloadType: UInt8

    /// The encoding.
    public let codec: Codec

    /// The text of `a=fmtp`: what the receiver of the packets asks of their sender.
    public let parameters: ByteString?

    /// Makes a format of its parts.
    public init(payloadType: UInt8, codec: Codec, parameters: ByteString? = nil) {
        self.payloadType = payloadType
        self.codec = codec
        self.parameters = parameters
    }
}

extension MediaDescription {
    /// The formats of an RTP stream in order of preference: each payload type with the codec that `a=rtpmap`, or else
    /// the profile, gives it. Numbers that mean nothing are left out.
    public var rtpFormats: [RTPFormat] { rtpFormats(assuming: []) }

    /// The same, where a dynamic number without `a=rtpmap` means what it meant in `known`: some answerers leave out
    /// the mappings that the offer made.
    func rtpFormats(assuming known: [RTPFormat]) -> [RTPFormat] {
        var maps: [UInt8: RTPMap] = [:]
        for map in rtpMaps where maps[map.payloadType] == nil { maps[map.payloadType] = map }
        var parameters: [ByteString: ByteString] = [:]
        for attribute in attributes(named: .fmtp) {
            guard let value = attribute.value.flatMap(FormatParameters.init) else { continue }
            if parameters[value.format] == nil { parameters[value.format] = value.parameters }
        }
        return payloadTypes.compactMap { number in
            let codec =
                maps[number].map(Codec.init) ?? StaticPayloadType.codec(number)
                ?? known.first { $0.payloadType == number }?.codec
            return codec.map {
                RTPFormat(payloadType: number, codec: $0, parameters: parameters[ByteString(number)])
            }
        }
    }
}
