import RTP
import Testing

@Suite struct SymmetricLatchTests {
    typealias Latch = SymmetricLatch<String>

    @Test func sendsToTheSignalledAddressUntilTheFirstPacket() {
        var latch = Latch(signalled: "sdp")
        #expect(latch.destination == "sdp")
        #expect(!latch.isConfirmed)
        #expect(latch.receive(from: "nat", ssrc: 1, at: origin) == .moved)
        #expect(latch.destination == "nat")
        #expect(latch.isConfirmed)
        #expect(latch.receive(from: "nat", ssrc: 1, at: origin) == .accepted)
    }

    @Test func waitsForThePeerWithoutASignalledAddress() {
        var latch = Latch(signalled: nil)
        #expect(latch.destination == nil)
        #expect(latch.receive(from: "nat", ssrc: 1, at: origin) == .moved)
        #expect(latch.destination == "nat")
    }

    /// Connectivity checks decide, whatever descriptions say and packets seem to tell.
    @Test func goesWhereChecksSay() {
        var latch = Latch(signalled: "sdp")
        latch.fix(to: nil)
        #expect(latch.destination == nil)
        #expect(latch.isSearching)
        // The peer may have come to its end first.
        #expect(latch.receive(from: "pair", ssrc: 1, at: origin) == .accepted)
        #expect(latch.destination == nil)
        latch.fix(to: "pair")
        #expect(!latch.isSearching)
        #expect(latch.receive(from: "pair", ssrc: 1, at: origin) == .accepted)
        #expect(latch.receive(from: "sdp", ssrc: 1, at: origin + .seconds(60)) == .refused)
        latch.signal("other")
        #expect(latch.destination == "pair")
        // The peer sends by another of the ways that were checked, and is answered by this one.
        latch.fix(to: "pair", orFrom: ["pair", "rival"])
        #expect(latch.receive(from: "rival", ssrc: 1, at: origin) == .accepted)
        #expect(latch.receive(from: "pair", ssrc: 1, at: origin) == .accepted)
        #expect(latch.receive(from: "sdp", ssrc: 1, at: origin) == .refused)
        #expect(latch.destination == "pair")
        latch.fix(to: "pair")
        #expect(latch.receive(from: "rival", ssrc: 1, at: origin) == .refused)
        latch.release()
        #expect(latch.destination == "other")
        #expect(latch.receive(from: "nat", ssrc: 1, at: origin) == .moved)
    }

    @Test func refusesALateHijack() {
        var latch = Latch(signalled: "sdp")
        #expect(latch.receive(from: "sdp", ssrc: 1, at: origin) == .accepted)
        for tick in 1...100 {
            let now = origin + .milliseconds(20 * tick)
            #expect(latch.receive(from: "thief", ssrc: 1, at: now) == .refused)
            #expect(latch.receive(from: "sdp", ssrc: 1, at: now) == .accepted)
        }
        #expect(latch.destination == "sdp")
        #expect(latch.refused == 100)
    }

    @Test func neverMovesToAnotherSource() {
        var latch = Latch(signalled: "sdp")
        _ = latch.receive(from: "sdp", ssrc: 1, at: origin)
        for tick in 0..<100 {
            #expect(latch.receive(from: "thief", ssrc: 2, at: origin + .seconds(60 + tick)) == .refused)
        }
    }

    @Test func followsTheSameSourceAfterSilence() {
        var latch = Latch(signalled: "sdp")
        _ = latch.receive(from: "nat", ssrc: 1, at: origin)
        #expect(latch.receive(from: "nat2", ssrc: 1, at: origin + .milliseconds(1999)) == .refused)
        #expect(latch.receive(from: "nat2", ssrc: 1, at: origin + .milliseconds(2000)) == .refused)
        #expect(latch.receive(from: "nat2", ssrc: 1, at: origin + .milliseconds(2020)) == .refused)
        #expect(latch.receive(from: "nat2", ssrc: 1, at: origin + .milliseconds(2040)) == .moved)
        #expect(latch.destination == "nat2")
    }

    @Test func aPacketInBetweenBeginsTheRowAnew() {
        var latch = Latch(signalled: "sdp")
        _ = latch.receive(from: "nat", ssrc: 1, at: origin)
        let late = origin + .seconds(3)
        #expect(latch.receive(from: "a", ssrc: 1, at: late) == .refused)
        #expect(latch.receive(from: "a", ssrc: 1, at: late) == .refused)
        #expect(latch.receive(from: "b", ssrc: 1, at: late) == .refused)
        #expect(latch.receive(from: "a", ssrc: 1, at: late) == .refused)
        #expect(latch.receive(from: "nat", ssrc: 1, at: late) == .accepted)
        #expect(latch.receive(from: "a", ssrc: 1, at: late + .seconds(3)) == .refused)
        #expect(latch.destination == "nat")
    }

    @Test func theSignalledAddressTakesTheStreamBack() {
        var latch = Latch(signalled: "sdp")
        _ = latch.receive(from: "thief", ssrc: 9, at: origin)
        #expect(latch.receive(from: "sdp", ssrc: 1, at: origin) == .moved)
        #expect(latch.destination == "sdp")
        #expect(latch.receive(from: "thief", ssrc: 9, at: origin) == .refused)
    }

    @Test func aNewDescriptionOpensTheLatch() {
        var latch = Latch(signalled: "sdp")
        _ = latch.receive(from: "nat", ssrc: 1, at: origin)
        latch.signal("sdp")
        #expect(latch.destination == "nat", "the same address changes nothing")
        latch.signal("other")
        #expect(latch.destination == "other")
        #expect(!latch.isConfirmed)
        #expect(latch.receive(from: "nat9", ssrc: 5, at: origin) == .moved)
    }

    @Test func followsNobodyWhereForbidden() {
        var policy = Latch.Policy()
        policy.follows = false
        var latch = Latch(signalled: "sdp", policy: policy)
        #expect(latch.receive(from: "nat", ssrc: 1, at: origin) == .refused)
        #expect(latch.receive(from: "sdp", ssrc: 1, at: origin) == .accepted)
    }
}
