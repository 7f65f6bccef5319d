// targets: ICE

#if canImport(ICE)
    import ICE
#endif

/// Plays peers and strangers against a lite end, as the bytes say. libFuzzer calls it; what it finds is a trap or a failed check below:
/// above all that nobody proves anything without the password, and that what is believed is bounded.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLite(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = Input(data, count)
    var play = Play(isAnswered: input.next() & 1 == 0)
    while !input.isEmpty { play.step(&input) }
    return 0
}

private struct Play {
    private static let generations = (0..<4).map { number in
        ICEParameters(
            fragment: [0x6F, 0x75, 0x72, 0x30 + UInt8(number)],
            password: [UInt8](repeating: 0x61 + UInt8(number), count: 22))
    }

    var responder: LiteResponder
    var generation = 0
    var now = ContinuousClock.now
    var number: UInt64 = 0

    init(isAnswered: Bool) {
        responder = LiteResponder(Self.generations[0], remoteFragment: isAnswered ? [0x70, 0x30] : nil, hash)
    }

    mutating func step(_ input: inout Input) {
        switch input.next() % 6 {
        // With these functions bytes may be right by chance.
        case 0: give(input.run(), isProven: true, &input)
        case 1, 2: give(request(&input, generation), isProven: true, &input)
        case 3: give(request(&input, nil), isProven: false, &input)
        case 4:
            now += .milliseconds(100) * Int(input.next())
            _ = responder.expire(now)
        default:
            generation = Int(input.next()) % Self.generations.count
            let remote = input.next()
            _ = responder.renew(
                Self.generations[generation], remoteFragment: remote & 8 == 0 ? [0x70, 0x30 + remote & 1] : nil)
        }
        for component in 1...2 {
            let proven = responder.proven(component)
            check(proven.count <= LiteResponder.mostSources, "too many are believed")
            if let selected = responder.selected(component) {
                check(proven.contains(selected), "a stranger is selected")
            }
        }
    }

    private mutating func give(_ bytes: [UInt8], isProven: Bool, _ input: inout Input) {
        let source = STUNAddress(ip4: 0xC000_0200 | UInt32(input.next() & 31), port: 1_000)
        let before = (1...2).map { responder.proven($0).count }
        _ = LiteResponder.fragment(of: bytes.span.bytes)
        let outcome = responder.receive(bytes.span.bytes, component: 1 + Int(input.next() & 1), from: source, now)
        check(outcome.drop == nil || outcome.answer == nil, "what is dropped is answered")
        if !isProven {
            check(outcome.answer == nil && !outcome.isChange, "a stranger is answered")
            check((1...2).map { responder.proven($0).count } == before, "a stranger is believed")
        }
    }

    /// A check; with a password that nobody was told where there is no generation.
    private mutating func request(_ input: inout Input, _ generation: Int?) -> [UInt8] {
        let local = Self.generations[generation ?? 0]
        let (flags, extra) = (input.next(), input.run())
        if flags & 64 == 0 { number += 1 }
        return STUNWriter.message(.request, .binding, STUNTransactionID(upper: 1, lower: number)) { writer, memory in
            try writer.add(.username, local.fragment + [0x3A, 0x70, 0x30 + flags >> 5 & 1], into: &memory)
            if flags & 16 == 0 { try writer.add(.priority, UInt32(flags) << 20 | 1, into: &memory) }
            try writer.add(flags & 1 == 0 ? .iceControlling : .iceControlled, UInt64(flags) << 56, into: &memory)
            if flags & 2 != 0 { try writer.add(.useCandidate, into: &memory) }
            if flags & 4 != 0 { try writer.add(STUNAttribute(rawValue: UInt16(flags) << 8), extra, into: &memory) }
            let password = generation == nil ? [UInt8](repeating: 0x7A, count: 21) : local.password
            try writer.addIntegrity(.shortTerm(password), hash, into: &memory)
            if flags & 8 == 0 { try writer.addFingerprint(into: &memory) }
        } ?? []
    }
}

/// Functions that tell keys and messages apart a little: a stranger's is never right, since what he has for a password is shorter by one.
private let hash = STUNHash(
    md5: { _, output in fill(output, 0) }, sha256: { _, output in fill(output, 0) },
    hmacSHA1: { key, head, rest, output in code(key, head, rest, output) },
    hmacSHA256: { key, head, rest, output in code(key, head, rest, output) })

private func code(
    _ key: UnsafeRawBufferPointer, _ head: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer,
    _ output: UnsafeMutableRawBufferPointer
) {
    fill(output, head.reduce(0, ^) ^ rest.reduce(0, ^))
    output[0] = UInt8(truncatingIfNeeded: key.count)
}

private func fill(_ output: UnsafeMutableRawBufferPointer, _ value: UInt8) {
    for index in output.indices { output[index] = value }
}
