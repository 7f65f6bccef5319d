import SIP

/// Plain implementations of the hash functions, for tests only: this target links no cryptography.
enum ReferenceHashes {
    static let all = DigestHash(
        md5: { $1.copyBytes(from: md5(Array($0))) }, sha256: { $1.copyBytes(from: sha256(Array($0))) },
        sha512_256: { $1.copyBytes(from: sha512_256(Array($0))) })

    /// RFC 1321.
    static func md5(_ message: [UInt8]) -> [UInt8] {
        let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
        let padded = pad(message, block: 64, lengthSize: 8, isBigEndian: false)
        for block in stride(from: 0, to: padded.count, by: 64) {
            let words = (0..<16).map { word in
                (0..<4).reduce(UInt32(0)) { $0 | UInt32(padded[block + 4 * word + $1]) << UInt32(8 * $1) }
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            for step in 0..<64 {
                let (mixed, index): (UInt32, Int) =
                    switch step / 16 {
                    case 0: (b & c | ~b & d, step)
                    case 1: (d & b | ~d & c, (5 * step + 1) % 16)
                    case 2: (b ^ c ^ d, (3 * step + 5) % 16)
                    default: (c ^ (b | ~d), 7 * step % 16)
                    }
                let sum = a &+ mixed &+ sines[step] &+ words[index]
                let shift = shifts[step / 16][step % 4]
                (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
            }
            state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d]
        }
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
    }

    /// The integer part of 2^32 |sin(n)|, n from 1 to 64 (RFC 1321 §3.4), by a Taylor series in argument-reduced form.
    private static let sines: [UInt32] = (1...64).map { step in
        let turn = 2 * Double.pi
        var angle = Double(step).truncatingRemainder(dividingBy: turn)
        if angle > Double.pi { angle -= turn }
        var term = angle
        var sum = angle
        for power in 1...20 {
            term *= -angle * angle / Double(2 * power * (2 * power + 1))
            sum += term
        }
        return UInt32(abs(sum) * 4_294_967_296)
    }

    /// FIPS 180-4 §6.2.
    static func sha256(_ message: [UInt8]) -> [UInt8] {
        var state = squareRoots.map { UInt32(truncatingIfNeeded: $0 >> 32) }
        let constants = cubeRoots.map { UInt32(truncatingIfNeeded: $0 >> 32) }
        let padded = pad(message, block: 64, lengthSize: 8, isBigEndian: true)
        for block in stride(from: 0, to: padded.count, by: 64) {
            var words = (0..<16).map { word in
                (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(padded[block + 4 * word + $1]) }
            }
            for t in 16..<64 {
                let low = rotate(words[t - 15], 7) ^ rotate(words[t - 15], 18) ^ words[t - 15] >> 3
                let high = rotate(words[t - 2], 17) ^ rotate(words[t - 2], 19) ^ words[t - 2] >> 10
                words.append(words[t - 16] &+ low &+ words[t - 7] &+ high)
            }
            var s = state
            for t in 0..<64 {
                let high = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)
                let choice = s[4] & s[5] ^ ~s[4] & s[6]
                let first = s[7] &+ high &+ choice &+ constants[t] &+ words[t]
                let low = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)
                let majority = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]
                s = [first &+ low &+ majority, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
            }
            for index in 0..<8 { state[index] = state[index] &+ s[index] }
        }
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }

    /// FIPS 180-4 §6.7.
    static func sha512_256(_ message: [UInt8]) -> [UInt8] {
        Array(sha512(message, start512_256).prefix(32))
    }

    /// FIPS 180-4 §5.3.6: the initial value is a SHA-512 of the name, itself from an altered initial value.
    private static let start512_256: [UInt64] = {
        let digest = sha512(Array("SHA-512/256".utf8), squareRoots.map { $0 ^ 0xA5A5_A5A5_A5A5_A5A5 })
        return (0..<8).map { word in (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(digest[8 * word + $1]) } }
    }()

    private static let squareRoots = primes.prefix(8).map { fraction(of: $0, root: 2) }
    private static let cubeRoots = primes.map { fraction(of: $0, root: 3) }

    /// FIPS 180-4 §6.4, with an initial value other than that of SHA-512 if given.
    static func sha512(_ message: [UInt8], _ start: [UInt64]? = nil) -> [UInt8] {
        var state = start ?? squareRoots
        let padded = pad(message, block: 128, lengthSize: 16, isBigEndian: true)
        for block in stride(from: 0, to: padded.count, by: 128) {
            var words = (0..<16).map { word in
                (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(padded[block + 8 * word + $1]) }
            }
            for t in 16..<80 {
                let low = rotate(words[t - 15], 1) ^ rotate(words[t - 15], 8) ^ words[t - 15] >> 7
                let high = rotate(words[t - 2], 19) ^ rotate(words[t - 2], 61) ^ words[t - 2] >> 6
                words.append(words[t - 16] &+ low &+ words[t - 7] &+ high)
            }
            var s = state
            for t in 0..<80 {
                let high = rotate(s[4], 14) ^ rotate(s[4], 18) ^ rotate(s[4], 41)
                let choice = s[4] & s[5] ^ ~s[4] & s[6]
                let first = s[7] &+ high &+ choice &+ cubeRoots[t] &+ words[t]
                let low = rotate(s[0], 28) ^ rotate(s[0], 34) ^ rotate(s[0], 39)
                let majority = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]
                s = [first &+ low &+ majority, s[0], s[1], s[2], s[3] &+ first, s[4], s[5], s[6]]
            }
            for index in 0..<8 { state[index] = state[index] &+ s[index] }
        }
        return state.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
    }

    private static func rotate<Word: FixedWidthInteger>(_ word: Word, _ bits: Word) -> Word {
        word >> bits | word << (Word(Word.bitWidth) - bits)
    }

    private static func pad(_ message: [UInt8], block: Int, lengthSize: Int, isBigEndian: Bool) -> [UInt8] {
        var padded = message + [0x80]
        while padded.count % block != block - lengthSize { padded.append(0) }
        let bits = UInt64(message.count) * 8
        var length = (0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
        length += [UInt8](repeating: 0, count: lengthSize - 8)
        return padded + (isBigEndian ? length.reversed() : length)
    }

    private static let primes: [UInt64] = {
        var found: [UInt64] = []
        var candidate: UInt64 = 2
        while found.count < 80 {
            if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
            candidate += 1
        }
        return found
    }()

    /// The first 64 bits of the fraction of a prime's square or cube root, by bisection in whole numbers.
    private static func fraction(of prime: UInt64, root: Int) -> UInt64 {
        var low = UInt128(0)
        var high = UInt128(32) << 64
        while high - low > 1 {
            let middle = (low + high) / 2
            if isPower(middle, root, atMost: prime) { low = middle } else { high = middle }
        }
        return UInt64(truncatingIfNeeded: low)
    }

    /// Whether (value / 2^64)^root is at most the prime.
    private static func isPower(_ value: UInt128, _ root: Int, atMost prime: UInt64) -> Bool {
        let square = value.multipliedFullWidth(by: value)
        guard root == 3 else {
            return square.high < UInt128(prime) || square.high == UInt128(prime) && square.low == 0
        }
        // value^2 / 2^64 with the lost bits remembered, times value, against prime * 2^128.
        guard square.high < UInt128(1) << 63 else { return false }
        let (head, tail) = (square.high << 64 | square.low >> 64, square.low & UInt128(UInt64.max))
        let main = head.multipliedFullWidth(by: value)
        let carry = tail.multipliedFullWidth(by: value)
        let rest = UInt128(carry.high) << 64 | carry.low >> 64
        let (sum, overflow) = main.low.addingReportingOverflow(rest)
        let whole = main.high + (overflow ? 1 : 0)
        return whole < UInt128(prime) || whole == UInt128(prime) && sum == 0 && carry.low << 64 == 0
    }
}
