/// Classes of bytes, a bit each, looked up in one table: for the loops that run over every byte of a routing header.
///
/// The sets are those of `ByteSet` of the same names, but "%" is in neither `user` nor `uriParameters`: the loops stop
/// there to check the two digits of the escape.
struct ByteClass: Sendable {
    let bit: UInt8

    /// `token` (RFC 3261 §25.1).
    static var token: ByteClass { ByteClass(bit: 0x01) }
    /// Characters of a host name or IPv4 address.
    static var host: ByteClass { ByteClass(bit: 0x02) }
    /// `user` without escapes.
    static var user: ByteClass { ByteClass(bit: 0x04) }
    /// `paramchar` without escapes, and the ";" and "=" around them.
    static var uriParameters: ByteClass { ByteClass(bit: 0x08) }
    /// An unquoted `gen-value`.
    static var parameterValue: ByteClass { ByteClass(bit: 0x10) }
    /// `HEXDIG`, both cases.
    static var hex: ByteClass { ByteClass(bit: 0x20) }
    /// What matters when a list is split: quotes, angle brackets and the comma (RFC 3261 §7.3.1).
    static var listSign: ByteClass { ByteClass(bit: 0x40) }

    /// Whether `byte` is in the class.
    @inline(__always)
    func contains(_ byte: UInt8) -> Bool { Self.table.utf8Start[Int(byte)] & bit != 0 }

    /// The bits of each byte, 16 a line; a literal, since it needs no initialisation when the program starts.
    private static var table: StaticString {
        """
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{1D}\u{40}\u{4}\u{C}\u{11}\u{C}\u{1D}\u{C}\u{C}\u{1D}\u{1D}\u{44}\u{1F}\u{1F}\u{C}\
        \u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{18}\u{C}\u{40}\u{C}\u{40}\u{4}\
        \u{0}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\
        \u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{18}\u{0}\u{18}\u{0}\u{1F}\
        \u{11}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{3F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\
        \u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{1F}\u{0}\u{0}\u{0}\u{1D}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\
        \u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}
        """
    }
}
