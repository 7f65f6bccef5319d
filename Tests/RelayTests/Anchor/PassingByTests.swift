import CProbe
import Routing
import SIP
import Testing

@testable import Relay

/// Messages of calls that are not relayed, which the anchor is asked about nevertheless.
@Suite struct PassingByTests {
    /// A call between ends that reach each other costs a look at its messages, and no memory of its own.
    @Test(.enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"))
    func aMessageAllocatesNothing() async throws {
        try await withRelay { relay, _ in
            var exchange = Exchange(relay)
            exchange.mode = .auto
            let taken = try allocations(exchange, turns: 1_000)
            // Two addresses are read in each INVITE, for which code that is not optimised takes a block; that is all.
            #expect(taken <= 2 * 1_000)
        }
    }

    private func allocations(_ exchange: Exchange, turns: Int) throws -> UInt64 {
        let description = Exchange.description("127.0.0.1", "m=audio 4000 RTP/AVP 0")
        let invite = try exchange.message("INVITE", 1, description, false, true)
        let answer = try exchange.reply(200, "INVITE", 1, body: description)
        let requests = [invite, try exchange.message("ACK", 1), try exchange.message("BYE", 2)]
        let (anchor, passage) = (exchange.anchor, exchange.passage())
        var isUntouched = true
        func turn() {
            var index = 0
            while index < requests.count {
                requests[index].withView { isUntouched = anchor.forwards($0, passage) == .untouched && isUntouched }
                index += 1
            }
            answer.withView { isUntouched = anchor.passes($0, context: 1, branch: 0) == .untouched && isUntouched }
        }
        turn()
        let before = probe_allocations()
        // The counter counts.
        UnsafeMutableRawPointer.allocate(byteCount: 10_000, alignment: 1).deallocate()
        #expect(probe_allocations() > before)
        let start = probe_allocations()
        // By hand: where nothing is optimised the iterator of a range takes memory.
        var count = 0
        while count < turns {
            count += 1
            turn()
        }
        let taken = probe_allocations() - start
        #expect(isUntouched)
        #expect(anchor.count == 0)
        return taken
    }
}
