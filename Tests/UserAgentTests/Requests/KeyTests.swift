import RTP
import Reactor
import SDP
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

@Suite struct KeySignalTests {
    @Test(
        "Keys and durations in the bodies that phones send",
        arguments: [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5", 160),
            ("Application/DTMF-Relay ; charset=utf-8", "signal = #\nduration = 250", "#", 250),
            ("application/dtmf-relay", "Duration=90\r\nSignal=d", "D", 90),
            ("application/dtmf-relay", "Signal= *\r\n", "*", nil),
            ("application/dtmf-relay", "Signal=10\r\n", "*", nil),
            ("application/dtmf-relay", "Signal=11\r\nDuration=x\r\n", "#", nil),
            ("application/dtmf-relay", "Signal=15\r\nDuration=99999\r\n", "D", nil),
            ("application/dtmf", "7", "7", nil), ("application/dtmf", " 12\r\n", "A", nil),
            ("application/dtmf", "Signal=3\r\nDuration=100\r\n", "3", 100),
        ] as [(String, String, Character, Int?)])
    func read(type: String, body: String, key: Character, milliseconds: Int?) throws {
        let signal = try #require(KeySignal(body, type: type))
        #expect(signal.key == key)
        #expect(signal.duration == milliseconds.map { Duration.milliseconds($0) })
    }

    @Test(
        "What is no key",
        arguments: [
            ("application/dtmf-relay", ""), ("application/dtmf-relay", "5"), ("application/dtmf-relay", "Signal="),
            ("application/dtmf-relay", "Signal=16"), ("application/dtmf-relay", "Signal=123"),
            ("application/dtmf-relay", "Duration=5"), ("application/dtmf", "x"), ("application/dtmf", "55"),
            ("application/dtmf", ""), ("text/plain", "5"), ("application/dtmf-relay", "Signal=é"),
        ])
    func refused(type: String, body: String) {
        #expect(KeySignal(body, type: type) == nil)
    }

    @Test("A body beyond the limit is not read")
    func limit() {
        let line = "Signal=5\r\n"
        let padding = String(repeating: " ", count: KeySignal.longestBody - line.utf8.count)
        #expect(KeySignal(line + padding, type: "application/dtmf-relay")?.key == "5")
        #expect(KeySignal(line + padding + " ", type: "application/dtmf-relay") == nil)
    }

    @Test("What is written is read again")
    func written() throws {
        for key in "0123456789*#ABCD" {
            for form in [KeySignal.Form.relay, .plain] {
                let content = try #require(KeySignal(key)).content(form)
                let text = String(decoding: content.body, as: UTF8.self)
                let read = try #require(KeySignal(text, type: content.type ?? ""))
                #expect(read.key == key)
                #expect(read.duration == (form == .relay ? Duration.milliseconds(100) : nil))
            }
        }
        #expect(KeySignal("x") == nil)
    }
}

/// How the far side is told of keys.
@Suite struct KeyTests {
    /// Alice and Bob, whose phones take telephone events or not.
    private struct Phones {
        let network = SimulatedNetwork(seed: 1)
        let alice: SimulatedPhone
        let bob: SimulatedPhone

        init(events: Bool) {
            let formats: [FormatCapability] = events ? [.pcmu, .telephoneEvent] : [.pcmu]
            alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"), formats: formats)
            bob = SimulatedPhone("bob", network.node("10.0.0.2:5060"), formats: formats)
        }

        func callUp() throws {
            try alice.call(bob.uri)
            network.run(for: .seconds(1))
        }

        /// The bodies of Alice's INFOs.
        var infos: [String] {
            Ladder(network, ["alice": alice.node, "bob": bob.node]).all("alice > bob INFO dtmf-relay")
                .map { String(decoding: $0.body, as: UTF8.self) }
        }

        var keysOfBob: [String] { bob.story.filter { $0.hasPrefix("key") } }
    }

    @Test("Who takes telephone events gets them, and no INFO; pressed before the answer they are not lost")
    func events() throws {
        let phones = Phones(events: true)
        try phones.alice.call(phones.bob.uri)
        phones.alice.call.press("1x#")
        phones.network.run(for: .seconds(1))
        phones.alice.call.press("D")
        phones.network.run(for: .seconds(1))
        #expect(phones.alice.sound.pressed == ["event 1", "event #", "event D"])
        #expect(phones.infos.isEmpty)
    }

    @Test("Who takes none and allows INFO gets that, one key after the other")
    func info() throws {
        let phones = Phones(events: false)
        try phones.alice.call(phones.bob.uri)
        phones.alice.call.press("1#")
        phones.network.run(for: .seconds(2))
        #expect(phones.keysOfBob == ["key 1", "key #"])
        #expect(phones.infos == ["Signal=1\r\nDuration=100\r\n", "Signal=#\r\nDuration=100\r\n"])
        #expect(phones.alice.sound.pressed.isEmpty)
    }

    @Test("What is demanded is done, whatever the far side can do")
    func demanded() throws {
        let phones = Phones(events: true)
        try phones.callUp()
        phones.alice.call.press("1", by: .tones)
        phones.alice.call.press("2", by: .info)
        phones.alice.call.press("3", by: .events)
        phones.network.run(for: .seconds(1))
        #expect(phones.alice.sound.pressed == ["tone 1", "event 3"])
        #expect(phones.keysOfBob == ["key 2"])
    }

    @Test("Who does not allow INFO hears tones")
    func tones() throws {
        let call = try ScriptedCall(headers: ["Allow: INVITE, ACK, BYE, CANCEL"])
        call.alice.call.press("12")
        call.network.run(for: .seconds(1))
        #expect(call.alice.sound.pressed == ["tone 1", "tone 2"])
    }

    @Test(
        "Who refuses INFO hears tones, but when INFO was demanded; 415 is asked for the other body",
        arguments: [(405, ["INFO", "tone 1", "tone 2"]), (415, ["INFO", "INFO", "tone 1", "tone 2"])])
    func refused(status: Int, expected: [String]) throws {
        let call = try ScriptedCall(headers: ["Allow: INVITE, ACK, BYE, CANCEL, INFO"])
        var bodies: [String] = []
        call.peer.onRequest = { peer, request, transaction in
            bodies.append(String(decoding: request.body, as: UTF8.self))
            if let transaction { peer.answer(transaction, StatusCode(rawValue: UInt16(status))) }
        }
        call.alice.call.press("12")
        call.network.run(for: .seconds(2))
        #expect(bodies.map { _ in "INFO" } + call.alice.sound.pressed == expected)
        if status == 415 { #expect(bodies == ["Signal=1\r\nDuration=100\r\n", "1"]) }
        bodies = []
        call.alice.call.press("3", by: .info)
        call.network.run(for: .seconds(2))
        #expect(bodies.count == 1)
        #expect(!call.alice.sound.pressed.contains("tone 3"))
    }

    @Test("Of keys that wait no more are kept than the limit")
    func limit() throws {
        let phones = Phones(events: true)
        try phones.alice.call(phones.bob.uri)
        phones.alice.call.press(String(repeating: "1", count: 1_000))
        phones.network.run(for: .seconds(1))
        #expect(phones.alice.sound.pressed.count == PressedKeys.capacity)
    }
}
