/// `a=rtpmap`: what a payload type number stands for. RFC 8866 §6.6.
public struct RTPMap: Hashable, Sendable {
    /// RTP payload type, 0 to 127.
    public let payloadType: UInt8

    /// Name of the encoding; case does not matter.
    public let encoding: ByteString

    /// Rate of the RTP time stamps, Hz.
    public let clockRate: UInt32

    /// What stands behind the second slash: for audio the number of channels.
    public let encodingParameters: ByteString?

    /// Largest payload type: the field of the RTP header has seven bits.
    public static let maximumPayloadType: UInt8 = 127

    /// Makes a mapping; `nil` if the payload type exceeds seven bits or a text is not a token.
    public init?(
        payloadType: UInt8, encoding: ByteString, clockRate: UInt32, encodingParameters: ByteString? = nil
    ) {
        guard payloadType <= RTPMap.maximumPayloadType, encoding.bytes.isToken, clockRate > 0,
            encodingParameters?.bytes.isToken ?? true
        else { return nil }
        self.init(
            unchecked: payloadType, encoding: encoding, clockRate: clockRate, encodingParameters: encodingParameters)
    }

    init(unchecked payloadType: UInt8, encoding: ByteString, clockRate: UInt32, encodingParameters: ByteString?) {
        self.payloadType = payloadType
        self.encoding = encoding
        self.clockRate = clockRate
        self.encodingParameters = encodingParameters
    }

    /// Reads the value of the attribute; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count == 2, let number = fields[0].decimal(limit: UInt64(RTPMap.maximumPayloadType)) else {
            return nil
        }
        let parts = fields[1].split(separator: .slash, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let rate = parts[1].decimal(limit: UInt64(UInt32.max)) else { return nil }
        self.init(
            payloadType: UInt8(number), encoding: ByteString(unchecked: parts[0]), clockRate: UInt32(rate),
            encodingParameters: parts.count == 3 ? ByteString(unchecked: parts[2]) : nil)
    }

    /// Number of audio channels; one when none is given, `nil` when the parameter is not a number.
    public var channels: Int? {
        guard let encodingParameters else { return 1 }
        return encodingParameters.bytes.decimal(limit: 255).flatMap { $0 > 0 ? Int($0) : nil }
    }

    /// The attribute.
    public var attribute: Attribute {
        var bytes = ArraySlice("\(payloadType) ".utf8) + encoding.bytes + ArraySlice("/\(clockRate)".utf8)
        if let encodingParameters { bytes += [.slash] + encodingParameters.bytes }
        return Attribute(unchecked: .rtpmap, ByteString(unchecked: bytes))
    }
}
