/// The branch parameter of Via, which names a transaction (RFC 3261 §8.1.1.7, §17.2.3).
public enum Branch {
    /// What the branch of every request begins with that a client conforming to RFC 3261 sends.
    public static let magicCookie: StaticString = "z9hG4bK"

    /// Whether `branch` begins with the magic cookie, so that it alone identifies the transaction; otherwise the rules for
    /// RFC 2543 clients apply (RFC 3261 §17.2.3).
    ///
    /// The comparison ignores case, as the branch is a token (RFC 3261 §7.3.1).
    public static func hasMagicCookie(_ branch: UnsafeRawBufferPointer) -> Bool {
        let count = magicCookie.utf8CodeUnitCount
        guard branch.count >= count else { return false }
        let cookie = UnsafeRawBufferPointer(start: magicCookie.utf8Start, count: count)
        for index in 0..<count where lowercased(branch[index]) != lowercased(cookie[index]) {
            return false
        }
        return true
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
}
