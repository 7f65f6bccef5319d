import Media
import RTP
import Testing

@Suite struct AudioStreamKeyTests {
    @Test func keysAreHeardOnceEach() {
        let call = Call()
        let keys = "159#".map { TelephoneEvent.Code($0)! }
        call.run(for: .milliseconds(500))
        for key in keys { #expect(call.a.send(key)) }
        call.run(for: .seconds(2))
        let expected = keys.flatMap {
            [AudioStreamEvent.digitBegan($0), .digitEnded($0, duration: .milliseconds(100))]
        }
        #expect(call.eventsOfB == expected)
        #expect(!call.a.isSendingKeys)
        #expect(call.b.statistics().playout.lost == 0)
        #expect(call.b.statistics().playout.concealed == 0)
    }

    /// Under 20 % loss each key is still heard exactly once: an update or one of three ends gets through.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func keysSurviveLoss(seed: UInt64) {
        let call = Call(seed: seed)
        var generator = SeededGenerator(seed)
        call.network = { _ in Int.random(in: 0..<5, using: &generator) == 0 ? nil : .milliseconds(5) }
        let keys = "0123456789*#".map { TelephoneEvent.Code($0)! }
        for key in keys { #expect(call.a.send(key)) }
        call.run(for: .seconds(6))
        #expect(call.eventsOfB.compactMap { if case .digitBegan(let key) = $0 { key } else { nil } } == keys)
        #expect(call.eventsOfB.compactMap { if case .digitEnded(let key, _) = $0 { key } else { nil } } == keys)
    }

    /// Packets of a key take the place of audio: one sequence, frozen timestamp, marker on the first, and audio goes on at
    /// the right time.
    @Test func eventPacketsShareTheSequence() throws {
        let call = Call()
        call.run(for: .milliseconds(100))
        #expect(call.a.send(.star, duration: .milliseconds(60)))
        call.run(for: .milliseconds(300))
        let headers = call.headers(from: "a")
        let events = headers.enumerated().filter { $0.element.payloadType == 101 }
        #expect(events.count == 5, "three updates, of which the last is the first end, and two more ends")
        let first = try #require(events.first)
        #expect(events.map(\.element.marker) == [true, false, false, false, false])
        #expect(events.allSatisfy { $0.element.timestamp == first.element.timestamp })
        #expect(events.map(\.offset) == Array(first.offset..<first.offset + 5))
        for (before, after) in zip(headers, headers.dropFirst()) {
            #expect(after.sequenceNumber == before.sequenceNumber &+ 1)
        }
        let resumed = headers[first.offset + 5]
        #expect(resumed.marker)
        #expect(resumed.timestamp == first.element.timestamp &+ 5 * 160)
    }

    @Test func aKeyIsHeldUntilReleased() {
        let call = Call()
        #expect(call.a.press(.pound))
        call.run(for: .milliseconds(605))
        #expect(call.eventsOfB == [.digitBegan(.pound)])
        call.a.release()
        call.run(for: .milliseconds(200))
        #expect(call.eventsOfB.last == .digitEnded(.pound, duration: .milliseconds(620)))
    }

    @Test func withoutAgreementNoKeysAreSent() {
        let call = Call(AudioNegotiation(codec: .pcmu))
        #expect(!call.a.send(.star))
        #expect(!call.a.press(.star))
        call.run(for: .milliseconds(100))
        #expect(call.headers(from: "a").allSatisfy { $0.payloadType == 0 })
    }
}
