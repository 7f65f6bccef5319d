/// A token of up to eight bytes as one word, its letters made small: names of parameters are told apart by one comparison.
///
/// Only bytes that were found to be a token may be given: among its characters (RFC 3261 §25.1) setting the bit that makes
/// letters small never makes two different ones the same.
struct ShortToken: Equatable {
    private let word: UInt64

    /// The token in `range`; a longer one equals none.
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self.init(base + range.lowerBound, Int(range.count))
    }

    @inline(__always)
    init(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let raw = UnsafeRawPointer(bytes)
        let bits: UInt64
        switch count {
        case 8: bits = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
        case 4...7:
            // The two halves overlap in bytes that are the same in both.
            let low = UInt64(UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self)))
            let high = UInt64(UInt32(littleEndian: (raw + (count &- 4)).loadUnaligned(as: UInt32.self)))
            bits = low | high &<< UInt64(8 &* (count &- 4))
        case 2...3:
            bits =
                UInt64(bytes[0]) | UInt64(bytes[1]) &<< 8 | UInt64(bytes[count &- 1]) &<< UInt64(8 &* (count &- 1))
        case 1: bits = UInt64(bytes[0])
        default:
            word = 0
            return
        }
        let isPresent: UInt64 = 0x2020_2020_2020_2020
        word = bits | isPresent &>> UInt64(64 &- 8 &* count)
    }

    /// A literal of up to eight characters.
    @inline(__always)
    init(_ text: StaticString) { self.init(text.utf8Start, text.utf8CodeUnitCount) }
}

extension UnsafePointer<UInt8> {
    /// Four bytes as a little-endian word, letters made small; for fixed words of the start line and Via.
    @inline(__always)
    func smallWord(at offset: Int) -> UInt32 {
        UInt32(littleEndian: UnsafeRawPointer(self + offset).loadUnaligned(as: UInt32.self)) | 0x2020_2020
    }
}
