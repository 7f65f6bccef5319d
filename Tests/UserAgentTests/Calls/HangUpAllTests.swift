import SIP
import TestKit
import Testing

@testable import UserAgent

/// The end of all calls of an agent: told when nothing is under way any more.
@Suite struct HangUpAllTests {
    /// Whoever waits hears of it.
    private final class Waiting {
        var isOver = false
    }

    @Test(arguments: [true, false])
    func isToldWhenTheByeIsAnswered(byCaller: Bool) throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.answer() }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(1))
        #expect(phones.alice.call.isAnswered)
        let waiting = Waiting()
        (byCaller ? phones.alice : phones.bob).agent.hangUpAll { waiting.isOver = true }
        #expect(!waiting.isOver)
        // Far less than what a caller waits for further answers of a fork (RFC 3261 §13.2.2.4).
        phones.network.run(for: .milliseconds(500))
        #expect(waiting.isOver)
        #expect(phones.ladder.lines.last == (byCaller ? "bob > alice 200 BYE" : "alice > bob 200 BYE"))
    }

    @Test func isToldWhenTheCancelledCallHasItsFinalResponse() throws {
        let phones = TwoPhones()
        phones.bob.onInvitation = { $0.ring() }
        try phones.alice.call(phones.bob.uri)
        phones.network.run(for: .seconds(1))
        let waiting = Waiting()
        phones.alice.agent.hangUpAll { waiting.isOver = true }
        #expect(!waiting.isOver)
        phones.network.run(for: .milliseconds(500))
        #expect(waiting.isOver)
        #expect(phones.ladder.lines.contains("bob > alice 487 INVITE"))
    }

    @Test func isToldAtOnceWithoutCalls() {
        let waiting = Waiting()
        TwoPhones().alice.agent.hangUpAll { waiting.isOver = true }
        #expect(waiting.isOver)
    }
}
