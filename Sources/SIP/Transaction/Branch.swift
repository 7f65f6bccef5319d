/// The branch parameter of Via, which names a transaction (RFC 3261 §8.1.1.7, §17.2.3).
public enum Branch {
    /// What the branch of every request begins with that a client conforming to RFC 3261 sends.
    public static let magicCookie: StaticString = "z9hG4bK"

    /// Whether `branch` begins with the magic cookie, so that it alone identifies the transaction; otherwise the rules for
    /// RFC 2543 clients apply (RFC 3261 §17.2.3).
    ///
    /// The comparison ignores case, as the branch is a token (RFC 3261 §7.3.1).
    public static func hasMagicCookie(_ branch: UnsafeRawBufferPointer) -> Bool {
        guard let base = branch.baseAddress, branch.count >= magicCookie.utf8CodeUnitCount else { return false }
        return equalIgnoringCase(
            base.assumingMemoryBound(to: UInt8.self), ByteRange(0, magicCookie.utf8CodeUnitCount), "z9hg4bk")
    }
}
