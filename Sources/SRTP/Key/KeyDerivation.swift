/// What a derived key is for. RFC 3711 §4.3.1, §4.3.2.
enum KeyLabel: UInt8 {
    case encryption = 0x00
    case authentication = 0x01
    case salt = 0x02
    case controlEncryption = 0x03
    case controlAuthentication = 0x04
    case controlSalt = 0x05
}

/// The key derivation function: AES in counter mode, keyed by the master key (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).
///
/// ```
///  0  1  2  3  4  5  6  7  8  9  10 11 12 13 14 15
/// |00|00|00|00|00|00|00|LB| index DIV kdr   | b_c |
/// |               master salt               |00|00|   (exclusive or)
/// ```
struct KeyDerivation: ~Copyable {
    /// Octets of the salt in the diagram; the 12 of GCM have zeros behind them.
    private static let saltLength = 14

    private let cipher: CounterMode
    private let saltHigh: UInt64
    private let saltLow: UInt64

    /// - Parameters:
    ///   - key: 16, 24 or 32 octets, which choose the size of AES.
    ///   - salt: at most 14 octets.
    init(key: SecretBytes, salt: SecretBytes) throws(SRTPError) {
        guard salt.count <= Self.saltLength else { throw .invalidKey }
        cipher = try CounterMode(key: key)
        (saltHigh, saltLow) = salt.withBytes { Words.load($0) }
    }

    /// Derives a key or salt.
    ///
    /// - Parameters:
    ///   - division: packet index DIV key derivation rate; 0 for the rate 0, with which keys are derived once.
    ///   - count: octets wanted, at most 2^20.
    func derive(_ label: KeyLabel, division: UInt64 = 0, count: Int) throws(SRTPError) -> SecretBytes {
        var derived = true
        let (high, low) = (saltHigh ^ UInt64(label.rawValue), saltLow ^ division << 16)
        let secret = SecretBytes(count: count) { memory in
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            derived = cipher.apply(ivHigh: high, ivLow: low, to: memory)
        }
        guard derived else { throw .cryptography }
        return secret
    }

    deinit { cipher.close() }
}

/// Up to 16 octets as two words in network order.
enum Words {
    /// The octets, with zeros behind those that are missing.
    static func load(_ bytes: UnsafeRawBufferPointer) -> (high: UInt64, low: UInt64) {
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for (index, byte) in bytes.prefix(16).enumerated() {
            let shifted = UInt64(byte) << UInt64(56 - 8 * (index % 8))
            if index < 8 { words.high |= shifted } else { words.low |= shifted }
        }
        return words
    }
}
