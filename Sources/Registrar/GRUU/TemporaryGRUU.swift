import SIP

/// Makes and reads the user parts of temporary GRUUs (RFC 5627 §3.1.2, Appendix A.2), without a table.
///
/// A user part is `tgruu.` and 30 bytes: a random number, where the address of record lies and what marks the instance under
/// a keystream of that number, and a message authentication code over both. Nobody without the keys can make one, or
/// tell whether two are of one user. It leads somewhere as long as a binding has that mark.
struct TemporaryGRUU {
    /// What a temporary GRUU says.
    struct Content: Equatable {
        /// Where the address of record lies in the table.
        var shard: UInt8
        var tag: UInt32
        /// The instance and the generation of its temporary GRUUs: 40 bits.
        var mark: UInt64
    }

    /// What all user parts begin with.
    static let prefix: StaticString = "tgruu."
    /// Bytes of a user part.
    static let length = 46

    private static let numberLength = 10
    private static let contentLength = 10
    private static let proofLength = 10
    private static let rawLength = numberLength + contentLength + proofLength

    private let sealing: SipHash
    private let signing: SipHash
    private let marking: SipHash

    init(key: SipHash) {
        sealing = key.derived(for: "temporary GRUUs: sealing")
        signing = key.derived(for: "temporary GRUUs: signing")
        marking = key.derived(for: "temporary GRUUs: marking")
    }

    /// The mark of an instance, by the value of its `+sip.instance`, and of a generation.
    func mark(instance: UnsafeRawBufferPointer, generation: UInt32) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: instance.count + 4, alignment: 4) { memory in
            memory.storeBytes(of: generation.littleEndian, as: UInt32.self)
            for index in 0..<instance.count { memory[4 + index] = lowercased(instance[index]) }
            return marking(UnsafeRawBufferPointer(memory)).0 & 0xFF_FFFF_FFFF
        }
    }

    /// Writes a user part.
    ///
    /// - Parameter number: 80 bits that are never the same twice.
    func write(_ content: Content, number: (UInt64, UInt16), into writer: inout ByteWriter) {
        writer.append(Self.prefix)
        writeSealed(content, number: number, into: &writer)
    }

    /// Writes the sealed bytes alone.
    func writeSealed(_ content: Content, number: (UInt64, UInt16), into writer: inout ByteWriter) {
        withUnsafeTemporaryAllocation(byteCount: Self.rawLength, alignment: 8) { raw in
            raw.storeBytes(of: number.0, as: UInt64.self)
            raw.storeBytes(of: number.1, toByteOffset: 8, as: UInt16.self)
            raw[10] = content.shard
            for index in 0..<4 { raw[11 + index] = UInt8(truncatingIfNeeded: content.tag >> UInt32(8 * index)) }
            for index in 0..<5 { raw[15 + index] = UInt8(truncatingIfNeeded: content.mark >> UInt64(8 * index)) }
            crypt(raw)
            withUnsafeBytes(of: proof(raw)) { raw[20..<30].copyBytes(from: $0[..<Self.proofLength]) }
            for start in stride(from: 0, to: Self.rawLength, by: 3) {
                let group = UInt32(raw[start]) << 16 | UInt32(raw[start + 1]) << 8 | UInt32(raw[start + 2])
                for shift in stride(from: UInt32(18), through: 0, by: -6) {
                    writer.append(Self.alphabet.utf8Start[Int(group >> shift & 63)])
                }
            }
        }
    }

    /// What a user part says; nil when it is none of ours.
    func read(_ user: UnsafeRawBufferPointer) -> Content? {
        guard user.count == Self.length, Self.hasPrefix(user) else { return nil }
        return readSealed(UnsafeRawBufferPointer(rebasing: user[Self.prefix.utf8CodeUnitCount...]))
    }

    /// What sealed bytes say; nil when they are none of ours.
    func readSealed(_ text: UnsafeRawBufferPointer) -> Content? {
        guard text.count == Self.rawLength / 3 * 4 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: Self.rawLength, alignment: 8) { raw -> Content? in
            for group in 0..<Self.rawLength / 3 {
                var bits: UInt32 = 0
                for index in 0..<4 {
                    guard let value = Self.value(text[4 * group + index]) else {
                        return nil
                    }
                    bits = bits << 6 | value
                }
                for index in 0..<3 {
                    raw[3 * group + index] = UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * index))
                }
            }
            let isOurs = withUnsafeBytes(of: proof(raw)) { expected in
                var difference: UInt8 = 0
                for index in 0..<Self.proofLength { difference |= expected[index] ^ raw[20 + index] }
                return difference == 0
            }
            guard isOurs else { return nil }
            crypt(raw)
            var content = Content(shard: raw[10], tag: 0, mark: 0)
            for index in 0..<4 { content.tag |= UInt32(raw[11 + index]) << UInt32(8 * index) }
            for index in 0..<5 { content.mark |= UInt64(raw[15 + index]) << UInt64(8 * index) }
            return content
        }
    }

    /// Whether a user part may be one of a temporary GRUU.
    static func hasPrefix(_ user: UnsafeRawBufferPointer) -> Bool {
        user.count >= prefix.utf8CodeUnitCount
            && (0..<prefix.utf8CodeUnitCount).allSatisfy { user[$0] == prefix.utf8Start[$0] }
    }

    /// Hides the content, or shows it again.
    private func crypt(_ raw: UnsafeMutableRawBufferPointer) {
        let stream = sealing(UnsafeRawBufferPointer(rebasing: raw[..<Self.numberLength]))
        withUnsafeBytes(of: stream) { stream in
            for index in 0..<Self.contentLength { raw[Self.numberLength + index] ^= stream[index] }
        }
    }

    private func proof(_ raw: UnsafeMutableRawBufferPointer) -> (UInt64, UInt64) {
        signing(UnsafeRawBufferPointer(rebasing: raw[..<(Self.numberLength + Self.contentLength)]))
    }

    /// Base64 with the alphabet that needs no escapes in URIs (RFC 4648 §5).
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
