#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds the registered name behind the bytes of a header name, whatever their case.
///
/// An open-addressing hash table keyed by length, first and last eight bytes. Names are compared as 64-bit words whose
/// letters are masked to lose their case, so that a look-up takes a handful of instructions and no loop for names of up
/// to 16 bytes, which is nearly all that occur.
struct HeaderNameTable: @unchecked Sendable {
    // Unchecked: the memory is written by `init` only, and never freed.

    /// One registered name, prepared for comparison.
    struct Entry {
        var first: UInt64 = 0
        var firstMask: UInt64 = 0
        var last: UInt64 = 0
        var lastMask: UInt64 = 0
        var length: Int32 = 0
        var name: HeaderName = .other
    }

    private static let slotCount = 1_024
    private let slots: UnsafeMutablePointer<Entry>
    private let compact: UnsafeMutablePointer<HeaderName>

    static let shared = HeaderNameTable()

    private init() {
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: Entry(), count: Self.slotCount)
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
        let entry = Entry(
            first: first & ~Self.letterMask(first), firstMask: ~Self.letterMask(first),
            last: last & ~Self.letterMask(last), lastMask: ~Self.letterMask(last), length: Int32(length), name: name)
        var slot = Self.slot(first, last, length)
        while slots[slot].length != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
        slots[slot] = entry
    }

    /// The registered name of the `length` bytes at `bytes`, or `other`.
    ///
    /// `readable` says how many bytes may be read from `bytes` on; eight make the look-up quick.
    @inline(__always)
    func find(_ bytes: UnsafePointer<UInt8>, length: Int, readable: Int) -> HeaderName {
        if length == 1 { return compact[Int(bytes[0])] }
        let first: UInt64
        if length >= 8 {
            first = UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self)
        } else if readable >= 8 {
            let keep = UInt64.max >> UInt64(64 - 8 * max(length, 1))
            first = UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self) & keep
        } else {
            first = Self.word(bytes, length)
        }
        let last = length > 8 ? UnsafeRawPointer(bytes + (length - 8)).loadUnaligned(as: UInt64.self) : 0
        var slot = Self.slot(first, last, length)
        while true {
            let entry = slots + slot
            if entry.pointee.length == 0 { return .other }
            if entry.pointee.length == Int32(truncatingIfNeeded: length),
                first & entry.pointee.firstMask == entry.pointee.first,
                last & entry.pointee.lastMask == entry.pointee.last,
                length <= 16 || middleMatches(bytes, length, entry.pointee.name)
            {
                return entry.pointee.name
            }
            slot = (slot &+ 1) & (Self.slotCount &- 1)
        }
    }

    private func middleMatches(_ bytes: UnsafePointer<UInt8>, _ length: Int, _ name: HeaderName) -> Bool {
        let text = name.canonical.utf8Start
        for i in 8..<(length - 8) where bytes[i].lowercased != text[i].lowercased { return false }
        return true
    }

    /// The bytes as a little-endian word, missing ones zero.
    private static func word(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
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

    @inline(__always)
    private static func slot(_ first: UInt64, _ last: UInt64, _ length: Int) -> Int {
        let fold: UInt64 = 0x2020_2020_2020_2020
        var hash = (first | fold) &* 0x9E37_79B9_7F4A_7C15
        hash ^= (last | fold) &* 0xC2B2_AE3D_27D4_EB4F
        hash ^= UInt64(truncatingIfNeeded: length) &* 0x1656_67B1_9E37_79F9
        return Int(truncatingIfNeeded: hash >> 54)
    }
}

extension HeaderName {
    /// Finds the name of a token; nil-free, since an unregistered name is `other`.
    public init(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else {
            self = .other
            return
        }
        self = HeaderNameTable.shared.find(
            base.assumingMemoryBound(to: UInt8.self), length: bytes.count, readable: bytes.count)
    }

    /// Finds the name of a text.
    public init(_ text: String) {
        var text = text
        self = text.withUTF8 { HeaderName(UnsafeRawBufferPointer($0)) }
    }
}
