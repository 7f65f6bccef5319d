import Glibc
import SIP

extension ByteWriter {
    /// Appends what came in a header field; line ends of folds, tabs, and controls that have strayed there, become spaces
    /// (RFC 3261 §7.3.1): what is kept goes into other messages, and into the journal, which takes none of them back.
    mutating func append(unfolded bytes: UnsafeRawBufferPointer) {
        func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
        guard bytes.contains(where: isControl) else { return append(bytes) }
        for byte in bytes { append(isControl(byte) ? 0x20 : byte) }
    }
}

/// The byte with an ASCII capital made small.
@inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

/// Whether two runs hold the same bytes.
@inline(__always)
func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let first = a.baseAddress, let second = b.baseAddress else { return true }
    return memcmp(first, second, a.count) == 0
}

/// Whether two runs hold the same bytes when ASCII case is put aside.
func equalIgnoringCase(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where lowercased(a[i]) != lowercased(b[i]) { return false }
    return true
}

/// Whether a run equals a text in small letters when ASCII case is put aside.
func equalIgnoringCase(_ a: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard a.count == text.utf8CodeUnitCount else { return false }
    for i in 0..<a.count where lowercased(a[i]) != text.utf8Start[i] { return false }
    return true
}

/// Whether two parts of URIs are the same: an escape equals its character unless that is reserved
/// (RFC 3261 §19.1.4); nil, which is an absent part, equals only nil.
func equalEscaped(_ a: UnsafeRawBufferPointer?, _ b: UnsafeRawBufferPointer?, ignoringCase: Bool) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    var first = EscapedBytes(a)
    var second = EscapedBytes(b)
    while true {
        let x = first.next()
        let y = second.next()
        guard let x, let y else { return x == nil && y == nil }
        if x == y { continue }
        guard ignoringCase, x < 0x80, y < 0x80 else { return false }
        if lowercased(UInt8(truncatingIfNeeded: x)) != lowercased(UInt8(truncatingIfNeeded: y)) { return false }
    }
}

/// The characters of a part of a URI: an escape is its character; one of a reserved character is told apart by 0x100.
private struct EscapedBytes {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> UInt16? {
        guard at < bytes.count else { return nil }
        let byte = bytes[at]
        guard byte == UInt8(ascii: "%"), let decoded = unescaped(bytes, at) else {
            at += 1
            return UInt16(byte)
        }
        at += 3
        return Self.isReserved(decoded) ? 0x100 | UInt16(decoded) : UInt16(decoded)
    }

    /// `reserved` of RFC 3261 §25.1.
    private static func isReserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"),
            UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","):
            true
        default: false
        }
    }
}

/// The byte of the escape `%HH` at an offset; nil when there is none.
private func unescaped(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt8? {
    func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
        default: nil
        }
    }
    guard at + 2 < bytes.count, let high = value(bytes[at + 1]), let low = value(bytes[at + 2]) else { return nil }
    return high << 4 | low
}

/// Copies a user without its escapes (RFC 3261 §10.3 step 5); the result is never longer.
///
/// - Returns: the bytes written.
func unescape(_ bytes: UnsafeRawBufferPointer, into memory: UnsafeMutableRawBufferPointer) -> Int {
    var at = 0
    var count = 0
    while at < bytes.count, count < memory.count {
        if bytes[at] == UInt8(ascii: "%"), let decoded = unescaped(bytes, at) {
            memory[count] = decoded
            at += 3
        } else {
            memory[count] = bytes[at]
            at += 1
        }
        count += 1
    }
    return count
}
