import COpenSSL

/// A master key with its salt (RFC 3711 §3.2.1), and the identifier (MKI) by which packets name it, if they do.
///
/// Copies share the octets, which are erased with the last one. Its description shows none of them.
public struct MasterKey: Sendable {
    let key: SecretBytes
    let salt: SecretBytes

    /// Master key identifier, as the packets carry it; empty when they carry none.
    public let identifier: [UInt8]

    /// Makes a key of its octets; whether they fit a profile is seen when a session takes it.
    public init(key: some Collection<UInt8>, salt: some Collection<UInt8>, identifier: [UInt8] = []) {
        self.key = SecretBytes(key)
        self.salt = SecretBytes(salt)
        self.identifier = identifier
    }

    /// Parts the concatenation of key and salt, as `a=crypto` has it (RFC 4568 §6.1); `nil` when it has not the length of the profile.
    public init?(_ profile: ProtectionProfile, keyAndSalt: some Collection<UInt8>, identifier: [UInt8] = []) {
        guard keyAndSalt.count == profile.keyLength + profile.saltLength else { return nil }
        self.init(
            key: keyAndSalt.prefix(profile.keyLength), salt: keyAndSalt.dropFirst(profile.keyLength),
            identifier: identifier)
    }

    /// A random key for a profile, from the generator of OpenSSL.
    public static func random(for profile: ProtectionProfile, identifier: [UInt8] = []) throws(SRTPError) -> MasterKey {
        var filled = true
        let fill = { (memory: UnsafeMutableRawBufferPointer) in
            filled =
                RAND_bytes(memory.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(memory.count)) == 1 && filled
        }
        let key = SecretBytes(count: profile.keyLength, fill)
        let salt = SecretBytes(count: profile.saltLength, fill)
        guard filled else { throw .cryptography }
        return MasterKey(secret: key, salt: salt, identifier: identifier)
    }

    private init(secret key: SecretBytes, salt: SecretBytes, identifier: [UInt8]) {
        self.key = key
        self.salt = salt
        self.identifier = identifier
    }

    /// Key and salt one behind the other, for `a=crypto`. The caller sees to it that the copy goes nowhere else.
    public var keyAndSalt: [UInt8] { key.octets + salt.octets }
}

extension MasterKey: Equatable {
    /// Whether key, salt and identifier are the same; of keys and salts of one length it takes equally long to find out.
    public static func == (a: MasterKey, b: MasterKey) -> Bool {
        a.identifier == b.identifier && a.key.holds(b.key) && a.salt.holds(b.salt)
    }
}

extension MasterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "MasterKey(\(key.count) octets, salt \(salt.count), redacted)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
