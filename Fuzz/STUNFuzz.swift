// targets: ICE

#if canImport(ICE)
    import ICE
#endif

/// Indexes the bytes as a STUN message, asks for every value, answers it, and reads it as an answer. libFuzzer calls it; what it
/// finds is a trap or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSTUN(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : count)
    let bytes = input.bytes
    if let message = try? STUNMessage(parsing: bytes) { exercise(message, bytes) }
    if let length = STUNMessage.length(inStream: bytes) { check(length >= 20 && length % 4 == 0, "a length is none") }
    let read = STUNBinding.outcome(bytes)
    check(read == nil || STUNMessage.isSTUN(bytes), "what is no STUN is an answer")
    for isIPv6 in [false, true] {
        let source = STUNAddress(
            isIPv6: isIPv6, upper: isIPv6 ? .max : 0, lower: isIPv6 ? .max : 0xFFFF_FFFF, port: .max)
        var answer = [UInt8](repeating: 0, count: STUNBinding.answerSize)
        var span = answer.mutableSpan
        var memory = span.mutableBytes
        guard let length = STUNBinding.answer(bytes, from: source, into: &memory) else { continue }
        check(STUNMessage.isSTUN(bytes), "what is no STUN is answered")
        check(length <= 20 + 8 + 4 + 32, "an answer is longer than any should be")
        let written = answer.span.bytes.extracting(0..<length)
        check(answer[4..<20].elementsEqual(input[4..<20]), "an answer is of another transaction")
        check(read == nil, "what is answered is an answer")
        let expected = answer[1] == 0x01 ? STUNBinding.Outcome.mapped(source) : .refused
        check(STUNBinding.outcome(written)?.outcome == expected, "an answer is not read as it was written")
    }
    return 0
}

private func exercise(_ message: STUNMessage, _ bytes: RawSpan) {
    check(message.length == bytes.byteCount, "a message is not as long as it is")
    var walk = message.attributes
    while let attribute = walk.next(in: bytes) {
        check(attribute.value.upperBound <= bytes.byteCount, "an attribute ends outside")
        _ = message.address(attribute.type, in: bytes)
        _ = message.addresses(attribute.type, in: bytes)
        _ = message.word16(attribute.type, in: bytes)
        _ = message.word32(attribute.type, in: bytes)
        _ = message.word64(attribute.type, in: bytes)
        _ = message.octets(attribute.type, in: bytes).flatMap(NonceCookie.init(nonce:))
    }
    _ = message.error(in: bytes)
    _ = message.reason(in: bytes)
    _ = message.unknownAttributes(in: bytes)
    check(
        message.unknown(besides: STUNAttribute.basic, in: bytes).count <= STUNMessage.namedUnknown, "too many are named"
    )
    _ = message.isFingerprintRight(in: bytes)
    _ = message.isProven(by: .shortTerm([1]), none, in: bytes)
    _ = message.isProvenBySHA256(.shortTerm([1]), none, in: bytes)
    var credentials = LongTermCredentials(username: [1], password: [2])
    _ = credentials.judge(message, provenWith: nil, none, in: bytes)
    _ = credentials.judge(message, provenWith: [], none, in: bytes)
}

/// Functions that hash nothing but touch every octet of what they get.
private let none = STUNHash(
    md5: { input, output in fill(output, input.reduce(0, ^)) },
    sha256: { input, output in fill(output, input.reduce(0, ^)) },
    hmacSHA1: { _, head, rest, output in fill(output, head.reduce(0, ^) ^ rest.reduce(0, ^)) },
    hmacSHA256: { _, head, rest, output in fill(output, head.reduce(0, ^) ^ rest.reduce(0, ^)) })

private func fill(_ output: UnsafeMutableRawBufferPointer, _ value: UInt8) {
    for index in output.indices { output[index] = value }
}
