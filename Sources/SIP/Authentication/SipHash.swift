/// SipHash-2-4 with a result of 128 bits: a fast keyed function for short inputs, which nobody can compute or predict without
/// the key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
public struct SipHash: Hashable, Sendable {
    private let first: UInt64
    private let second: UInt64

    /// A function under a key of 128 secret random bits, given as two numbers in little-endian order of its bytes.
    public init(key first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    /// A function under a fresh key from the system's generator.
    public static func random() -> SipHash {
        var generator = SystemRandomNumberGenerator()
        return SipHash(key: generator.next(), generator.next())
    }

    /// A function under a key of its own for another use: who knows that key learns nothing about this one.
    public func derived(for use: StaticString) -> SipHash {
        let (first, second) = use.withUTF8Buffer { self(UnsafeRawBufferPointer($0)) }
        return SipHash(key: first, second)
    }

    /// The 16 bytes of the result as two numbers, each in little-endian order of its bytes.
    public func callAsFunction(_ input: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        var state = State(
            a: first ^ 0x736F_6D65_7073_6575, b: second ^ 0x646F_7261_6E64_6F6D ^ 0xEE,
            c: first ^ 0x6C79_6765_6E65_7261, d: second ^ 0x7465_6462_7974_6573)
        let whole = input.count & ~7
        var offset = 0
        while offset < whole {
            let word = UInt64(littleEndian: input.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            state.absorb(word)
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: input.count) << 56
        var shift: UInt64 = 0
        while offset < input.count {
            last |= UInt64(input[offset]) << shift
            shift += 8
            offset += 1
        }
        state.absorb(last)
        state.c ^= 0xEE
        let low = state.finish()
        state.b ^= 0xDD
        return (low, state.finish())
    }

    private struct State {
        var a, b, c, d: UInt64

        mutating func absorb(_ word: UInt64) {
            d ^= word
            round()
            round()
            a ^= word
        }

        mutating func finish() -> UInt64 {
            round()
            round()
            round()
            round()
            return a ^ b ^ c ^ d
        }

        private mutating func round() {
            a &+= b
            b = Self.rotate(b, 13) ^ a
            a = Self.rotate(a, 32)
            c &+= d
            d = Self.rotate(d, 16) ^ c
            a &+= d
            d = Self.rotate(d, 21) ^ a
            c &+= b
            b = Self.rotate(b, 17) ^ c
            c = Self.rotate(c, 32)
        }

        private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
            value << bits | value >> (64 - bits)
        }
    }
}
