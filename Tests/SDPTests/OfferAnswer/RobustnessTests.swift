import SDP
import Testing

/// Bytes that nobody would send: nothing traps, and what is read is written as it came.
@Suite struct RobustnessTests {
    private static let seeds: [[UInt8]] = RoundTripTests.texts.map(crlf)

    /// Reads, writes and negotiates; the same steps as the fuzz target takes.
    private static func exercise(_ bytes: [UInt8]) throws {
        guard let description = try? SessionDescription(parsing: bytes) else {
            #expect(throws: SessionDescriptionError.self) {
                try SessionDescription(parsing: bytes, strictness: .strict)
            }
            return
        }
        #expect(description.serialised() == bytes)
        _ = (description.times, description.bandwidths, description.groups, description.emails, description.phones)
        for media in description.media {
            _ = (media.rtpFormats, media.packetTime, media.maximumPacketTime, media.rtcp, media.bandwidths)
            _ = (media.identification, media.connections, description.direction(of: media))
        }
        let ours = capabilities(ourStream(), ourStream([.pcmu, FormatCapability(.opus)], id: 1, port: 4002))
        var answerer = ourMachine()
        try answerer.receiveOffer(description)
        if let answer = try? answerer.makeAnswer(ours) {
            #expect(answer.media.count == description.media.count)
            #expect(try SessionDescription(parsing: answer.serialised()) == answer)
            let again = try answerer.makeOffer(ours)
            #expect(again.media.count >= description.media.count)
        }
        var offerer = ourMachine()
        _ = try offerer.makeOffer(ours)
        _ = try? offerer.receiveAnswer(description)
        #expect(offerer.state == .stable)
    }

    /// Cut, changed, doubled and spliced samples.
    private static func mutated(_ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = seeds.randomElement(using: &generator) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(Array("0 9/:=-;,.\n\rmcav".utf8).randomElement(using: &generator) ?? 0, at: place)
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &generator)))
            case 5:
                let other = seeds.randomElement(using: &generator) ?? []
                bytes = Array(bytes[..<place]) + other.suffix(Int.random(in: 0...other.count, using: &generator))
            default: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            }
        }
        return bytes
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<250 { try Self.exercise(Self.mutated(&generator)) }
    }

    @Test func everyPrefix() throws {
        for seed in [crlf(PeerSample.baresip.text), crlf(RFC8866.schedule)] {
            for count in 0...seed.count { try Self.exercise(Array(seed.prefix(count))) }
        }
    }

    @Test func randomBytes() throws {
        var generator = SeededGenerator(state: 99)
        for _ in 0..<500 {
            let count = Int.random(in: 0...400, using: &generator)
            try Self.exercise((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
    }

    /// The most that the limits let through: every line of the largest description is answered.
    @Test func largestDescriptions() throws {
        let head = "v=0\no=- 1 1 IN IP4 192.0.2.2\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\n"
        let formats = (0..<128).map { " \($0)" }.joined()
        let lines = String(
            repeating: "m=audio 5000 RTP/AVP\(formats)\n", count: DescriptionLimits.defaultMediaDescriptions)
        try Self.exercise(Array((head + lines).utf8))
        let maps = (0..<512).map { "a=rtpmap:\($0 % 128) x\($0)/8000\n" }.joined()
        try Self.exercise(Array((head + "m=audio 5000 RTP/AVP\(formats)\n" + maps).utf8))
    }
}
