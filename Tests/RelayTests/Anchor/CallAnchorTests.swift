import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import Synchronization
import Testing

@testable import Relay

/// Offers and answers of a call through the relay, with its sockets and those of the ends on loopback.
@Suite(.timeLimit(.minutes(5))) struct CallAnchorTests {
    private func audio(_ wire: Wire, _ further: String...) -> String {
        let lines = ["m=audio \(wire.address.port) RTP/AVP 0"] + further
        return (["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"] + lines).map { $0 + "\r\n" }
            .joined()
    }

    /// Offer and answer of an INVITE; where each end is told to send.
    private func setUp(
        _ exchange: Exchange, _ caller: Wire, _ callee: Wire
    ) throws -> (caller: TransportAddress, callee: TransportAddress) {
        let offer = try read(exchange.request("INVITE", 1, body: audio(caller), isFirst: true))
        let answer = try read(exchange.response(200, "INVITE", 1, body: audio(callee)))
        try exchange.conclude("INVITE", 1, 200, isFirst: true)
        return (try target(answer), try target(offer))
    }

    /// Sends from one end until the other hears; what it hears first.
    private func expectHeard(_ from: Wire, to door: TransportAddress, by ear: Wire, _ bytes: [UInt8]) async {
        await from.send(bytes, to: door)
        let heard = await ear.next()
        #expect(heard?.bytes == bytes)
    }

    @Test func mediaGoesBothWaysThroughTheRelay() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            #expect(doors.caller.port % 2 == 0)
            #expect(doors.caller != doors.callee)
            await expectHeard(alice, to: doors.caller, by: bob, packet(1))
            await expectHeard(bob, to: doors.callee, by: alice, packet(2, source: 2))
            await expectHeard(alice, to: doors.caller, by: bob, packet(3))
            #expect(relay.counters.calls == 1)
            try exchange.conclude("BYE", 2, 200)
            #expect(relay.counters.calls == 0)
            #expect(exchange.anchor.count == 0)
        }
    }

    @Test func theEndThatAnswersHearsTheOtherFromTheRelay() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            await alice.send(packet(), to: doors.caller)
            // From the port that Bob was told, so that his own NAT lets it in.
            #expect(await bob.next()?.from == doors.callee)
        }
    }

    @Test func controlGoesByItsOwnPorts() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let (aliceControl, bobControl) = (try await Wire(lane), try await Wire(lane))
            let offer = try read(
                exchange.request(
                    "INVITE", 1, body: audio(alice, "a=rtcp:\(aliceControl.address.port)"), isFirst: true))
            #expect(offer.media[0].rtcp == nil)
            let answer = try read(
                exchange.response(200, "INVITE", 1, body: audio(bob, "a=rtcp:\(bobControl.address.port)")))
            let (toBob, toAlice) = (try target(answer), try target(offer))
            await expectHeard(aliceControl, to: toBob.with(port: toBob.port + 1), by: bobControl, report())
            await expectHeard(bobControl, to: toAlice.with(port: toAlice.port + 1), by: aliceControl, report(source: 2))
        }
    }

    @Test func aSharedPortIsSharedWhereBothWant() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice, "a=rtcp-mux"), isFirst: true))
            #expect(offer.media[0].isRTCPMultiplexed)
            let answer = try read(exchange.response(200, "INVITE", 1, body: audio(bob, "a=rtcp-mux")))
            await expectHeard(alice, to: try target(answer), by: bob, report())
            await expectHeard(bob, to: try target(offer), by: alice, packet())
        }
    }

    @Test func earlyMediaIsHeardBeforeTheAnswer() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            // Bob's address is not known yet: his signalling comes from the same host.
            await expectHeard(bob, to: try target(offer), by: alice, packet())
        }
    }

    @Test func aRepeatedAnswerIsToldTheSame() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            let first = try exchange.response(183, "INVITE", 1, body: audio(bob))
            let second = try exchange.response(200, "INVITE", 1, body: audio(bob))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            let again = try exchange.response(200, "INVITE", 1, body: audio(bob))
            #expect(first == second)
            #expect(second == again)
            #expect(first != .untouched)
        }
    }

    @Test func aLateOfferIsAnsweredInAck() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            #expect(try exchange.request("INVITE", 1, isFirst: true) == .untouched)
            let offer = try read(exchange.response(200, "INVITE", 1, body: audio(bob)))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            let answer = try read(exchange.request("ACK", 1, body: audio(alice), context: 0))
            await expectHeard(alice, to: try target(offer), by: bob, packet())
            await expectHeard(bob, to: try target(answer), by: alice, packet())
        }
    }

    @Test func aLateOfferIsAnsweredInPrack() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try exchange.request("INVITE", 1, isFirst: true)
            let offer = try read(exchange.response(183, "INVITE", 1, body: audio(bob)))
            let answer = try read(exchange.request("PRACK", 2, body: audio(alice), context: 2))
            await expectHeard(alice, to: try target(offer), by: bob, packet())
            await expectHeard(bob, to: try target(answer), by: alice, packet())
        }
    }

    @Test func aNewAddressIsFollowedAndThePortsStay() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            await expectHeard(alice, to: doors.caller, by: bob, packet())
            await expectHeard(bob, to: doors.callee, by: alice, packet())
            let moved = try await Wire(lane)
            let offer = try read(exchange.request("INVITE", 2, body: audio(moved), context: 2))
            let answer = try read(exchange.response(200, "INVITE", 2, body: audio(bob), context: 2))
            #expect(try target(offer) == doors.callee)
            #expect(try target(answer) == doors.caller)
            await expectHeard(bob, to: doors.callee, by: moved, packet(2))
            await expectHeard(moved, to: doors.caller, by: bob, packet(2))
        }
    }

    @Test func theCalleeMayOfferToo() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            let moved = try await Wire(lane)
            let offer = try read(
                exchange.request("UPDATE", 1, body: audio(moved), fromCallee: true, context: 2))
            let answer = try read(
                exchange.response(200, "UPDATE", 1, body: audio(alice), fromCallee: true, context: 2))
            #expect(try target(offer) == doors.caller)
            #expect(try target(answer) == doors.callee)
            await expectHeard(alice, to: doors.caller, by: moved, packet())
        }
    }

    @Test func anOfferThatFailsChangesNothing() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            await expectHeard(bob, to: doors.callee, by: alice, packet())
            let moved = try await Wire(lane)
            let body = audio(moved, "m=video \(moved.address.port + 2) RTP/AVP 96")
            let offer = try read(exchange.request("INVITE", 2, body: body, context: 2))
            #expect(offer.media[1].port != moved.address.port + 2)
            #expect(try exchange.response(488, "INVITE", 2, context: 2) == .untouched)
            try exchange.conclude("INVITE", 2, 488, context: 2)
            await expectHeard(bob, to: doors.callee, by: alice, packet(2))
            // The port of the stream that was refused is free again.
            await lane.run { _ in }
            let video = try BoundDatagramSocket.bind(try target(offer, 1))
            #expect(video.localAddress.port == offer.media[1].port)
        }
    }

    @Test func holdByAddressStaysHold() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let doors = try setUp(exchange, alice, bob)
            let held = audio(alice).replacing("c=IN IP4 127.0.0.1", with: "c=IN IP4 0.0.0.0")
            let offer = try read(exchange.request("INVITE", 2, body: held, context: 2))
            #expect(offer.connection(of: offer.media[0])?.address.isUnspecified == true)
            _ = try exchange.response(200, "INVITE", 2, body: audio(bob), context: 2)
            // Alice is sent nothing; Bob still hears her.
            await bob.send(packet(8), to: doors.callee)
            await expectHeard(alice, to: doors.caller, by: bob, packet(9))
            _ = try exchange.request("INVITE", 3, body: audio(alice), context: 3)
            _ = try exchange.response(200, "INVITE", 3, body: audio(bob), context: 3)
            await expectHeard(bob, to: doors.callee, by: alice, packet(10))
        }
    }

    @Test func eachBranchHasPortsOfItsOwnAndTheWinnerIsHeard() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob, carol) = (try await Wire(lane), try await Wire(lane), try await Wire(lane))
            let first = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true, branch: 0))
            let second = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true, branch: 1))
            #expect(try target(first) != target(second))
            let early = try read(exchange.response(183, "INVITE", 1, body: audio(bob), branch: 0, tag: "b"))
            let final = try read(exchange.response(200, "INVITE", 1, body: audio(carol), branch: 1, tag: "c"))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            #expect(try target(early) != target(final))
            await expectHeard(alice, to: try target(final), by: carol, packet())
            await expectHeard(carol, to: try target(second), by: alice, packet())
            // What lost keeps its ports until no other 2xx can come.
            exchange.anchor.sweep(at: .now)
            await expectHeard(bob, to: try target(first), by: alice, packet(3))
            exchange.anchor.sweep(at: .now + relay.configuration.forkTime)
            await lane.run { _ in }
            _ = try BoundDatagramSocket.bind(try target(first))
            await expectHeard(alice, to: try target(final), by: carol, packet(4))
        }
    }

    @Test func aCallThatFailsGivesItsPortsBack() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let alice = try await Wire(lane)
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            try exchange.conclude("INVITE", 1, 486, isFirst: true)
            #expect(exchange.anchor.count == 0)
            await lane.run { _ in }
            _ = try BoundDatagramSocket.bind(try target(offer))
        }
    }

    @Test func anUnansweredByeWithCredentialsMissingEndsNothing() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try setUp(exchange, alice, bob)
            try exchange.conclude("BYE", 2, 407)
            #expect(exchange.anchor.count == 1)
            try exchange.conclude("BYE", 3, 481)
            #expect(exchange.anchor.count == 0)
        }
    }

    @Test func aWayThatLeadsThroughHereTwiceIsAnchoredOnce() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            guard case .replaced(let once) = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true) else {
                Issue.record("not anchored")
                return
            }
            let twice = String(decoding: once, as: UTF8.self)
            #expect(try exchange.request("INVITE", 1, body: twice, isFirst: true, context: 2) == .untouched)
            // The answer passes the inner context first.
            #expect(try exchange.response(200, "INVITE", 1, body: audio(bob), context: 2) == .untouched)
            #expect(try exchange.response(200, "INVITE", 1, body: audio(bob)) != .untouched)
        }
    }

    @Test func strangersAreRefusedAndGarbageIsDropped() async throws {
        try await withRelay { relay, lane in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let mallory = try await Wire(lane, on: address("127.0.0.66:0"))
            let doors = try setUp(exchange, alice, bob)
            await expectHeard(alice, to: doors.caller, by: bob, packet(1))
            for _ in 0..<20 { await mallory.send(packet(66), to: doors.caller) }
            let garbage: [[UInt8]] = [
                [], [0x80], [1, 2, 3, 4, 5, 6, 7, 8, 9], Array(packet().prefix(11)),
                [0x8f] + Array(packet().dropFirst()),
            ]
            for bytes in garbage { await alice.send(bytes, to: doors.caller) }
            await expectHeard(alice, to: doors.caller, by: bob, packet(2))
        }
    }

    /// A relay has a socket for each end, and reads them in turn: what is thrown at one takes nothing from another.
    @Test func aFloodOnOnePortDisturbsNoOtherCall() async throws {
        try await withRelay { relay, lane in
            let far = try Lane(name: "ends")
            let storm = try Lane(name: "storm")
            var (quiet, flooded) = (Exchange(relay), Exchange(relay))
            quiet.callID = "quiet"
            flooded.callID = "flooded"
            let (alice, bob) = (try await Wire(far), try await Wire(far))
            let (carol, dave) = (try await Wire(far), try await Wire(far))
            let doors = try setUp(quiet, alice, bob)
            let others = try setUp(flooded, carol, dave)
            await expectHeard(carol, to: others.caller, by: dave, packet(1))
            let mallory = try await Wire(storm, on: address("127.0.0.66:0"))
            let isOver = Mutex(false)
            let target = others.caller
            async let thrown = Task {
                var count = 0
                while !isOver.withLock({ $0 }), !Task.isCancelled {
                    await mallory.send(Self.flood, count: 256, to: target)
                    count += 256
                }
                return count
            }.value
            // Whoever calls undisturbed hears every packet, in order.
            for number in UInt8(1)...200 {
                await expectHeard(alice, to: doors.caller, by: bob, packet(number))
                await expectHeard(bob, to: doors.callee, by: alice, packet(number, source: 2))
            }
            isOver.withLock { $0 = true }
            #expect(await thrown > 1_000)
            // And whoever is flooded is still heard: strangers are refused.
            await expectHeard(dave, to: others.callee, by: carol, packet(2, source: 2))
            for lane in [far, storm] {
                lane.stop()
                await lane.stopped()
            }
        }
    }

    private static let flood = packet(66, source: 66, [UInt8](repeating: 0x55, count: 160))

    @Test func ipv4AndIPv6AreBridged() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            exchange.departure = Exchange.flow("[::1]:5064", transport: .udp)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane, on: .loopback(.ipv6)))
            let offer = try read(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            #expect(try target(offer).isIPv6)
            let body = Exchange.description("::1", "m=audio \(bob.address.port) RTP/AVP 0")
            let answer = try read(exchange.response(200, "INVITE", 1, body: body))
            #expect(!(try target(answer).isIPv6))
            await expectHeard(alice, to: try target(answer), by: bob, packet())
            await expectHeard(bob, to: try target(offer), by: alice, packet())
        }
    }
}
