/// A set of registered header names.
struct HeaderNameSet {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// Adds a name; false when it is in the set already.
    @inline(__always)
    mutating func insert(_ name: HeaderName) -> Bool {
        let bit: UInt64 = 1 &<< UInt64(name.rawValue & 63)
        switch name.rawValue &>> 6 {
        case 0: return Self.set(bit, in: &words.0)
        case 1: return Self.set(bit, in: &words.1)
        case 2: return Self.set(bit, in: &words.2)
        default: return Self.set(bit, in: &words.3)
        }
    }

    @inline(__always)
    private static func set(_ bit: UInt64, in word: inout UInt64) -> Bool {
        let isNew = word & bit == 0
        word |= bit
        return isNew
    }
}
