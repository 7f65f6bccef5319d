/// `a=rtcp`: where RTCP is received when that is not the next port, or not the same address. RFC 3605 §2.1.
public struct RTCPAttribute: Hashable, Sendable {
    /// Port of RTCP.
    public let port: UInt16

    /// Where RTCP is received, if not at the address of the media.
    public let connection: Connection?

    /// Makes the attribute of its parts.
    public init(port: UInt16, connection: Connection? = nil) {
        self.port = port
        self.connection = connection
    }

    /// Reads the value of the attribute; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count == 1 || fields.count == 4, let port = fields[0].decimal(limit: UInt64(UInt16.max)) else {
            return nil
        }
        self.port = UInt16(port)
        guard fields.count == 4 else {
            connection = nil
            return
        }
        guard let connection = Connection(fields: fields[1...]) else { return nil }
        self.connection = connection
    }

    /// The attribute.
    public var attribute: Attribute {
        var bytes = ArraySlice(String(port).utf8)
        if let connection { bytes += [.space] + connection.value.bytes }
        return Attribute(unchecked: .rtcp, ByteString(unchecked: bytes))
    }
}
