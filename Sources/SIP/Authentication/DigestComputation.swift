/// The computations of RFC 7616 §3.4, on the caller's memory.
enum DigestComputation {
    /// What the response digest is made of besides H(A1).
    struct Input {
        /// The request's method.
        var method: UnsafeRawBufferPointer
        /// The `uri` parameter, without backslashes.
        var uri: UnsafeRawBufferPointer
        var nonce: UnsafeRawBufferPointer
        /// Nil for the form of RFC 2069, without cnonce and nc (RFC 3261 §22.4 item 8).
        var quality: DigestQuality?
        /// The `nc` parameter as it stands in the header field.
        var nonceCount: UnsafeRawBufferPointer
        var cnonce: UnsafeRawBufferPointer
        /// The message body, which `auth-int` covers.
        var body: UnsafeRawBufferPointer
    }

    /// Hashes `bytes` and writes the digest as lower-case hexadecimal; `digits` has twice the digest's size.
    static func hexadecimal(
        of bytes: UnsafeRawBufferPointer, _ hash: DigestHash.Function, _ function: DigestHashFunction,
        into digits: UnsafeMutableRawBufferPointer
    ) {
        let size = function.digestSize
        precondition(digits.count == 2 * size, "room for a digest in hexadecimal")
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { digest in
            hash(bytes, digest)
            for index in 0..<size {
                digits[2 * index] = hexDigit(digest[index] >> 4)
                digits[2 * index + 1] = hexDigit(digest[index] & 15)
            }
        }
    }

    /// The response digest in lower-case hexadecimal (RFC 7616 §3.4.1); `digits` has twice the digest's size.
    ///
    /// Stays on the stack for requests of usual size.
    static func response(
        ha1: UnsafeRawBufferPointer, _ input: Input, _ hash: DigestHash.Function, _ function: DigestHashFunction,
        into digits: UnsafeMutableRawBufferPointer
    ) {
        let size = 2 * function.digestSize
        let longest =
            ha1.count + input.nonce.count + input.nonceCount.count + input.cnonce.count + 8 + size + 5
        withUnsafeTemporaryAllocation(byteCount: longest, alignment: 8) { memory in
            var text = Text(memory)
            text.append(ha1)
            text.appendColon()
            text.append(input.nonce)
            text.appendColon()
            if let quality = input.quality {
                text.append(input.nonceCount)
                text.appendColon()
                text.append(input.cnonce)
                text.appendColon()
                text.append(quality.name)
                text.appendColon()
            }
            ha2(input, hash, function, into: text.reserve(size))
            hexadecimal(of: text.written, hash, function, into: digits)
        }
    }

    /// H(A2) of RFC 7616 §3.4.3.
    private static func ha2(
        _ input: Input, _ hash: DigestHash.Function, _ function: DigestHashFunction,
        into digits: UnsafeMutableRawBufferPointer
    ) {
        let size = 2 * function.digestSize
        let longest = input.method.count + input.uri.count + 2 + size
        withUnsafeTemporaryAllocation(byteCount: longest, alignment: 8) { memory in
            var text = Text(memory)
            text.append(input.method)
            text.appendColon()
            text.append(input.uri)
            if input.quality == .authInt {
                text.appendColon()
                hexadecimal(of: input.body, hash, function, into: text.reserve(size))
            }
            hexadecimal(of: text.written, hash, function, into: digits)
        }
    }

    /// Whether two digests in hexadecimal are the same, whatever the case of the digits, in a time that depends on their length
    /// only.
    static func areEqual(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Bool {
        guard first.count == second.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<first.count {
            difference |= first[index].lowercased ^ second[index].lowercased
        }
        return difference == 0
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// Bytes that are put one after another into memory of sufficient size.
    private struct Text {
        private let memory: UnsafeMutableRawBufferPointer
        private var count = 0

        init(_ memory: UnsafeMutableRawBufferPointer) {
            self.memory = memory
        }

        var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

        mutating func append(_ bytes: UnsafeRawBufferPointer) {
            reserve(bytes.count).copyMemory(from: bytes)
        }

        mutating func append(_ text: StaticString) {
            append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }

        mutating func appendColon() {
            reserve(1)[0] = UInt8(ascii: ":")
        }

        mutating func reserve(_ size: Int) -> UnsafeMutableRawBufferPointer {
            defer { count += size }
            return UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + size])
        }
    }
}
