import Reactor
import Testing

@testable import Relay

/// Where media is sent, and whose is taken (RFC 7362 §5).
@Suite struct RelayLatchTests {
    private let said = address("192.0.2.1:4000")
    private let door = address("198.51.100.7:5060")
    private let second: Int64 = 1_000_000_000

    private func latch() -> RelayLatch {
        var latch = RelayLatch()
        latch.signal(said, signalling: door)
        return latch
    }

    /// Judges several datagrams in a row; the verdicts.
    private func judge(
        _ latch: inout RelayLatch, _ from: String, source: UInt32 = 7, at now: Int64 = 0, times: Int = 1
    ) -> [Bool] {
        (0..<times).map { _ in latch.admits(address(from), source: source, now: now) }
    }

    @Test func whatTheDescriptionSaysIsBelieved() {
        var latch = latch()
        #expect(latch.destination == said)
        #expect(!latch.isConfirmed)
        #expect(judge(&latch, "192.0.2.1:4000") == [true])
        #expect(latch.isConfirmed)
        #expect(latch.destination == said)
    }

    @Test(arguments: ["192.0.2.1:61000", "198.51.100.7:61000"])
    func anotherPortOfAKnownHostIsFollowedAtOnce(from: String) {
        var latch = latch()
        #expect(judge(&latch, from) == [true])
        #expect(latch.destination == address(from))
    }

    @Test func aStrangerIsFollowedWhenItComesSeveralTimesAndNobodyElseDoes() {
        var latch = latch()
        #expect(judge(&latch, "203.0.113.9:9", times: RelayLatch.patience) == [false, false, true])
        #expect(latch.destination == address("203.0.113.9:9"))
    }

    @Test func strangersFromSeveralAddressesAreNotAddedUp() {
        var latch = latch()
        for port in 1...20 { #expect(judge(&latch, "203.0.113.9:\(port)") == [false]) }
        #expect(latch.destination == said)
    }

    @Test func nobodyTakesOverFromAnEndThatIsHeard() {
        var latch = latch()
        #expect(judge(&latch, "198.51.100.7:61000") == [true])
        #expect(!judge(&latch, "203.0.113.9:9", at: RelayLatch.silence - 1, times: 100).contains(true))
        // Not even from the same host.
        #expect(!judge(&latch, "198.51.100.7:62000", at: RelayLatch.silence - 1, times: 100).contains(true))
        #expect(latch.destination == address("198.51.100.7:61000"))
    }

    @Test func afterSilenceTheSameSourceGoesOnFromANewAddress() {
        var latch = latch()
        #expect(judge(&latch, "198.51.100.7:61000") == [true])
        #expect(!judge(&latch, "198.51.100.7:62000", source: 8, at: 3 * second, times: 100).contains(true))
        #expect(judge(&latch, "198.51.100.7:62000", at: 3 * second, times: 3) == [false, false, true])
        #expect(latch.destination == address("198.51.100.7:62000"))
    }

    @Test func theSignalledAddressIsAlwaysBelieved() {
        var latch = latch()
        #expect(judge(&latch, "203.0.113.9:9", times: 3).last == true)
        #expect(judge(&latch, "192.0.2.1:4000", source: 99) == [true])
        #expect(latch.destination == said)
    }

    @Test func aNewDescriptionOpensTheLatchAndTheSameOneDoesNot() {
        var latch = latch()
        #expect(judge(&latch, "198.51.100.7:61000") == [true])
        latch.signal(said, signalling: door)
        #expect(latch.destination == address("198.51.100.7:61000"))
        latch.signal(address("192.0.2.1:4002"), signalling: door)
        #expect(latch.destination == address("192.0.2.1:4002"))
        #expect(!latch.isConfirmed)
        #expect(judge(&latch, "198.51.100.7:61002", source: 1) == [true])
    }

    @Test func withoutAnAddressTheEndShowsItself() {
        var latch = RelayLatch()
        latch.signal(nil, signalling: door)
        #expect(latch.destination == nil)
        #expect(judge(&latch, "198.51.100.7:1") == [true])
        #expect(latch.destination == address("198.51.100.7:1"))
    }

    private func expects(_ latch: inout RelayLatch, _ address: TransportAddress) -> Bool { latch.expects(address) }

    /// A datagram that proves nothing moves nothing, and is taken from hosts that the end is known by, or after some patience.
    @Test func whatProvesNothingMovesNothing() {
        var latch = latch()
        #expect(expects(&latch, said))
        #expect(expects(&latch, address("192.0.2.1:61000")))
        #expect(expects(&latch, address("198.51.100.7:61000")))
        let stranger = address("203.0.113.66:4000")
        #expect((0..<RelayLatch.patience).map { _ in expects(&latch, stranger) } == [false, false, true])
        #expect(latch.destination == said)
        #expect(!latch.isConfirmed)
        #expect(judge(&latch, "192.0.2.1:4000") == [true])
        // Once the end is heard a stranger is none.
        #expect((0..<9).allSatisfy { _ in !expects(&latch, stranger) })
    }
}
