import SIP
import SIPEndpoint
import Testing

@testable import Registrar

/// Requests with bytes changed, cut out, doubled and put in at random: each is answered or dropped, and the table stays
/// sound.
@Suite struct MutationTests {
    static let seeds: [Register] = [
        Register("<sip:alice@192.0.2.1:5060;transport=udp>;q=0.5;expires=600;+sip.instance=\"<urn:uuid:1>\""),
        Register("*", expires: "0"),
        Register("sip:a%40@[2001:db8::1]:5060;expires=70, \"x\\\"y\" <tel:+1-2;ext=3>;q=0.123", "<mailto:a@b.c>"),
        Register("<sip:a@h;maddr=1.2.3.4;x=%41?a=b&c=d>", expires: "4294967295"),
        Register().with(\.to, "\"A\" <sip:%61lice;x:pw@example.com;user=phone>;x"),
    ]

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let special = Array("<>;,=\"\\%@:*?&[]\r\n \t\0".utf8) + [0xFF, 0x80]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !bytes.isEmpty else { return }
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch random.next() % 5 {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[at] = special.randomElement(using: &random) ?? 0
            case 2: bytes.insert(special.randomElement(using: &random) ?? 0, at: at)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
            default:
                bytes.insert(
                    contentsOf: bytes[at..<min(bytes.count, at + Int.random(in: 1...40, using: &random))], at: at)
            }
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func survivesMutations(_ seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let fixture = RegistrarFixture(isJournaled: true)
        let flow = try fixture.flow()
        for step in 1...5_000 {
            var request = try #require(Self.seeds.randomElement(using: &random))
            request.cSeq = UInt32(step)
            request.to = request.to == "<sip:alice@example.com>" ? "<sip:user\(step % 7)@example.com>" : request.to
            var bytes = Array(request.text.utf8)
            mutate(&bytes, &random)
            bytes.withUnsafeBytes { fixture.layer.receive($0, flow) }
            fixture.clock.advance(UInt32(random.next() % 5))
            if step % 50 == 0 { fixture.table.sweep(now: fixture.clock.now, budget: 5_000) }
        }
        for sent in fixture.driver.sent {
            // What we write of our own is sound, whatever was copied from the request.
            let answer = try Message(sent.bytes)
            answer.withView { view in
                for value in view.values(of: .contact) {
                    #expect(throws: Never.self) { _ = try view.uri(try view.address(value).uri) }
                }
            }
        }
        let counters = fixture.registrar.counters
        #expect(counters.accepted > 500 && counters.malformed > 500)
        #expect(fixture.journal?.rows.count == fixture.table.statistics.bindings)
        fixture.clock.advance(10_000)
        fixture.table.sweep(now: fixture.clock.now, budget: 1_000_000)
        #expect(fixture.table.statistics.addresses == 0)
        #expect(fixture.table.statistics.bindings == 0)
    }
}
