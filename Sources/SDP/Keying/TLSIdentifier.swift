/// `a=tls-id`: names, together with that of the other side, a DTLS association. RFC 8842 §4.
public struct TLSIdentifier: Hashable, Sendable {
    /// 20 to 255 letters, digits and `+/-_`.
    public let text: ByteString

    /// Lengths that are allowed.
    public static let lengths = 20...255

    /// Reads the value of the attribute; `nil` if it does not follow the grammar.
    public init?(_ value: ByteString) {
        guard Self.lengths.contains(value.count),
            value.bytes.allSatisfy({ $0.isLetter || $0.isDigit || [0x2B, 0x2F, .hyphen, 0x5F].contains($0) })
        else { return nil }
        text = value
    }

    /// Makes a name of random octets; at least 15 of them, for there must be 120 bits of randomness.
    public init(random octets: [UInt8]) {
        precondition(octets.count >= 15 && octets.count <= 120, "120 bits at least")
        var name: [UInt8] = []
        for octet in octets {
            name.append(Self.digits[Int(octet >> 4)])
            name.append(Self.digits[Int(octet & 0x0F)])
        }
        text = ByteString(unchecked: name[...])
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// The attribute.
    public var attribute: Attribute { Attribute(unchecked: .tlsID, text) }
}

extension MediaDescription {
    /// `a=tls-id`.
    public var tlsIdentifier: TLSIdentifier? { attribute(named: .tlsID)?.value.flatMap(TLSIdentifier.init) }
}

/// What one side says of its end of a DTLS association. RFC 8842 §4.
public struct AssociationDescription: Hashable, Sendable {
    /// Its name, from those who give one.
    public var identifier: TLSIdentifier?
    /// The hashes of its certificates.
    public var fingerprints: Set<Fingerprint>
    /// Its role as it was negotiated.
    public var role: HandshakeRole
    /// Where it receives: address and port, as text that is equal when they are.
    public var transport: ByteString

    /// Takes the parts.
    public init(identifier: TLSIdentifier?, fingerprints: Set<Fingerprint>, role: HandshakeRole, transport: ByteString)
    {
        self.identifier = identifier
        self.fingerprints = fingerprints
        self.role = role
        self.transport = transport
    }

    /// Whether its writer wants a new association where it had said `earlier` before. With names, a new name or other certificates say
    /// so; without, also another role or another place do.
    public func isNew(since earlier: AssociationDescription) -> Bool {
        guard fingerprints == earlier.fingerprints else { return true }
        if let identifier, let before = earlier.identifier { return identifier != before }
        return identifier != earlier.identifier || role != earlier.role || transport != earlier.transport
    }
}
