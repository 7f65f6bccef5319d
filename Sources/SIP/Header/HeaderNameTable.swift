#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds the registered name behind the bytes of a header name, whatever their case.
///
/// A perfect hash of the first and last eight bytes leads to the one entry that may match. Names are compared as 64-bit
/// words whose letters are masked to lose their case, so that a look-up takes a handful of instructions and no loop for
/// names of up to 16 bytes, which is nearly all that occur.
struct HeaderNameTable: @unchecked Sendable {
    // Unchecked: the memory is written by `init` only, and never freed.

    /// One registered name, prepared for comparison.
    private struct Entry {
        var first: UInt64 = 0
        var firstMask: UInt64 = 0
        var last: UInt64 = 0
        var lastMask: UInt64 = 0
        /// Length in bytes; 0 in the entry of `other`, which no name equals.
        var length: UInt32 = 0
        var name: HeaderName = .other
    }

    /// The entry of each hash; 0 leads to that of `other`.
    private let slots: UnsafeMutablePointer<UInt8>
    /// Entries by the raw value of their name.
    private let entries: UnsafeMutablePointer<Entry>
    private let compact: UnsafeMutablePointer<HeaderName>

    static let shared = HeaderNameTable()

    private init() {
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: 0, count: Self.slotCount)
        entries = .allocate(capacity: HeaderName.count + 1)
        entries.initialize(repeating: Entry(), count: HeaderName.count + 1)
        compact = .allocate(capacity: 256)
        compact.initialize(repeating: .other, count: 256)
        for raw in 1...HeaderName.count {
            let name = HeaderName(rawValue: UInt8(raw))
            if let letter = name.compact {
                compact[Int(letter)] = name
                compact[Int(letter & ~0x20)] = name
            }
            insert(name)
        }
    }

    private func insert(_ name: HeaderName) {
        let text = name.canonical
        let length = text.utf8CodeUnitCount
        let first = Self.word(text.utf8Start, min(8, length))
        let last = length > 8 ? Self.word(text.utf8Start + (length - 8), 8) : 0
        let slot = Self.slot(first, last)
        precondition(slots[slot] == 0, "two header names have the same hash: look for another multiplier")
        slots[slot] = name.rawValue
        entries[Int(name.rawValue)] = Entry(
            first: first & ~Self.letterMask(first), firstMask: ~Self.letterMask(first),
            last: last & ~Self.letterMask(last), lastMask: ~Self.letterMask(last), length: UInt32(length), name: name)
    }

    /// The registered name of the `length` bytes at `bytes`, or `other`.
    ///
    /// `first` are the first eight of them as a little-endian word, missing ones zero; `last` the last eight when there
    /// are more than eight, else zero.
    @inline(__always)
    func find(_ bytes: UnsafePointer<UInt8>, length: Int, first: UInt64, last: UInt64) -> HeaderName {
        if length == 1 { return compact[Int(bytes[0])] }
        let entry = entries + Int(slots[Self.slot(first, last)])
        let difference =
            (first & entry.pointee.firstMask) ^ entry.pointee.first | (last & entry.pointee.lastMask)
            ^ entry.pointee.last | UInt64(truncatingIfNeeded: length) ^ UInt64(entry.pointee.length)
        if difference != 0 { return .other }
        if length > 16, !middleMatches(bytes, length, entry.pointee.name) { return .other }
        return entry.pointee.name
    }

    private func middleMatches(_ bytes: UnsafePointer<UInt8>, _ length: Int, _ name: HeaderName) -> Bool {
        let text = name.canonical.utf8Start
        for i in 8..<(length - 8) where bytes[i].lowercased != text[i].lowercased { return false }
        return true
    }

    /// The bytes as a little-endian word, missing ones zero.
    static func word(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
        var value: UInt64 = 0
        for i in 0..<length { value |= UInt64(bytes[i]) << UInt64(8 * i) }
        return value
    }

    /// 0x20 in each byte that is a letter.
    private static func letterMask(_ word: UInt64) -> UInt64 {
        var mask: UInt64 = 0
        for i in 0..<8 {
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(8 * i))
            if (byte | 0x20) &- 0x61 < 26 { mask |= 0x20 << UInt64(8 * i) }
        }
        return mask
    }

    private static let slotCount = 1_024

    /// The place of a name in `slots`; the multiplier was searched for so that no two registered names share one.
    @inline(__always)
    private static func slot(_ first: UInt64, _ last: UInt64) -> Int {
        let fold: UInt64 = 0x2020_2020_2020_2020
        let end = last | fold
        let hash = ((first | fold) ^ (end &<< 1 | end &>> 63)) &* 0x1C97_D1D4_73E4_21CB
        return Int(truncatingIfNeeded: hash &>> 54)
    }
}

extension HeaderName {
    /// Finds the name of a token; nil-free, since an unregistered name is `other`.
    public init(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else {
            self = .other
            return
        }
        let start = base.assumingMemoryBound(to: UInt8.self)
        let length = bytes.count
        let last = length > 8 ? HeaderNameTable.word(start + (length - 8), 8) : 0
        self = HeaderNameTable.shared.find(
            start, length: length, first: HeaderNameTable.word(start, min(8, length)), last: last)
    }

    /// Finds the name of a text.
    public init(_ text: String) {
        var text = text
        self = text.withUTF8 { HeaderName(UnsafeRawBufferPointer($0)) }
    }
}
