import Reactor
import Routing
import SIP
import Synchronization
import Testing

@testable import Relay

/// What is told of calls: while they go on, when they are over, and of all together.
@Suite(.timeLimit(.minutes(1))) struct RelayedCallTests {
    /// What was reported.
    private final class Reports: Sendable {
        private let (calls, report) = AsyncStream.makeStream(of: RelayedCall.self)

        func add(_ call: RelayedCall) { report.yield(call) }

        func next() async -> RelayedCall? {
            var iterator = calls.makeAsyncIterator()
            return await iterator.next()
        }
    }

    private func withRelay(_ body: (MediaRelay, Lane, Reports) async throws -> Void) async throws {
        let lane = try Lane(name: "relay-test")
        let reports = Reports()
        do {
            try await body(MediaRelay(lanes: [lane], RelayConfiguration()) { reports.add($0) }, lane, reports)
        } catch {
            lane.stop()
            await lane.stopped()
            throw error
        }
        lane.stop()
        await lane.stopped()
    }

    private func audio(_ wire: Wire) -> String {
        Exchange.description("127.0.0.1", "m=audio \(wire.address.port) RTP/AVP 0")
    }

    private func door(_ body: AnchoredBody) throws -> TransportAddress {
        guard case .replaced(let bytes) = body else { throw Missing() }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").first { $0.hasPrefix("m=audio ") }
        let port = try #require(line?.split(separator: " ").dropFirst().first.flatMap { UInt16($0) })
        return .loopback(port: port)
    }

    private struct Missing: Error {}

    @Test func eachStreamIsToldByItsEnds() async throws {
        try await withRelay { relay, lane, reports in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let toAlice = try door(exchange.request("INVITE", 1, body: audio(alice), isFirst: true))
            let toBob = try door(exchange.response(200, "INVITE", 1, body: audio(bob)))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            for number in 1...3 as ClosedRange<UInt8> { await alice.send(packet(number), to: toBob) }
            for _ in 1...3 { _ = await bob.next() }
            await bob.send(packet(9, source: 2, [1]), to: toAlice)
            _ = await alice.next()
            await alice.send([1, 2, 3], to: toBob)
            let mallory = try await Wire(lane, on: address("127.0.0.66:0"))
            await mallory.send(packet(66), to: toAlice)
            // What is dropped leaves no other trace than its count.
            var live = await relay.relayedCalls(limit: 10)
            while !Task.isCancelled,
                live.first?.streams.first.map({ $0.caller.counters.malformed + $0.callee.counters.refused }) != 2
            {
                live = await relay.relayedCalls(limit: 10)
            }
            try exchange.conclude("BYE", 2, 200)
            let call = try #require(await reports.next())
            #expect(call.callID == Array("call".utf8))
            #expect(call.ending == .hungUp && live.first?.ending == nil)
            #expect(call.streams == live.first?.streams)
            let stream = try #require(call.streams.first)
            #expect(call.streams.count == 1 && stream.index == 0)
            var caller = RelayCounters()
            (caller.received, caller.receivedOctets, caller.sent, caller.malformed) = (3, 45, 1, 1)
            var callee = RelayCounters()
            (callee.received, callee.receivedOctets, callee.sent, callee.refused) = (1, 13, 3, 1)
            #expect(stream.caller.counters == caller && stream.caller.address == alice.address)
            #expect(stream.callee.counters == callee && stream.callee.address == bob.address)
            #expect(await relay.relayedCalls(limit: 10).isEmpty)
            // Sums do not fall when a call is over.
            #expect(await relay.traffic() == RelayTraffic(caller: caller, callee: callee))
        }
    }

    /// A stream that ends in the call, and another in its place, are told as one.
    @Test func aStreamThatWasRefusedIsStillTold() async throws {
        try await withRelay { relay, lane, reports in
            let exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            let toBob = try door(exchange.response(200, "INVITE", 1, body: audio(bob)))
            try exchange.conclude("INVITE", 1, 200, isFirst: true)
            await alice.send(packet(), to: toBob)
            _ = await bob.next()
            let none = Exchange.description("127.0.0.1", "m=audio 0 RTP/AVP 0")
            _ = try exchange.request("INVITE", 2, body: none, context: 2)
            _ = try exchange.response(200, "INVITE", 2, body: none, context: 2)
            try exchange.conclude("INVITE", 2, 200, context: 2)
            _ = try exchange.request("INVITE", 3, body: audio(alice), context: 3)
            let again = try door(exchange.response(200, "INVITE", 3, body: audio(bob), context: 3))
            await alice.send(packet(2), to: again)
            _ = await bob.next()
            try exchange.conclude("BYE", 4, 200)
            let call = try #require(await reports.next())
            #expect(call.streams.map(\.caller.counters.received) == [2])
            #expect(call.streams.map(\.callee.counters.sent) == [2])
        }
    }

    /// Of a call that nobody has answered nothing is told but sums.
    @Test func aCallThatWasNotAnsweredIsNotReported() async throws {
        try await withRelay { relay, lane, reports in
            var exchange = Exchange(relay)
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            try exchange.conclude("INVITE", 1, 486, isFirst: true)
            exchange.callID = "other"
            _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            _ = try exchange.response(200, "INVITE", 1, body: audio(bob))
            try exchange.conclude("BYE", 2, 200)
            #expect(await reports.next()?.callID == Array("other".utf8))
        }
    }

    @Test func aListHasALimit() async throws {
        try await withRelay { relay, lane, _ in
            var exchange = Exchange(relay)
            let alice = try await Wire(lane)
            for number in 1...3 {
                exchange.callID = "call \(number)"
                _ = try exchange.request("INVITE", 1, body: audio(alice), isFirst: true)
            }
            #expect(await relay.relayedCalls(limit: 10).count == 3)
            #expect(await relay.relayedCalls(limit: 2).count == 2)
        }
    }
}
