import SDP
import Testing

/// RFC 3264 §4: one offer at a time, and a failed one leaves no trace.
@Suite struct OfferAnswerStateTests {
    private let ours = capabilities(ourStream())

    @Test func offerWaitsForItsAnswer() throws {
        var machine = ourMachine()
        #expect(machine.state == .stable)
        _ = try machine.makeOffer(ours)
        #expect(machine.state == .offerSent)
        #expect(machine.local == nil)
        #expect(machine.streams.isEmpty)
        try machine.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0"))
        #expect(machine.state == .stable)
        #expect(machine.streams.count == 1)
    }

    @Test func secondOfferBeforeTheAnswerIsGlare() throws {
        var machine = ourMachine()
        _ = try machine.makeOffer(ours)
        #expect(code { _ = try machine.makeOffer(ours) } == .glare)
        #expect(code { try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0")) } == .glare)
        #expect(code { _ = try machine.makeAnswer(ours) } == .noOffer)
        #expect(code { _ = try machine.makeRefusal() } == .noOffer)
        #expect(machine.state == .offerSent)
    }

    @Test func offerReceivedMustBeAnsweredFirst() throws {
        var machine = ourMachine()
        let offer = try theirs("m=audio 5000 RTP/AVP 0")
        #expect(try machine.receiveOffer(offer) == .initial)
        #expect(machine.state == .offerReceived)
        #expect(machine.pendingOffer == offer)
        #expect(code { _ = try machine.makeOffer(ours) } == .offerPending)
        #expect(code { try machine.receiveOffer(offer) } == .offerPending)
        #expect(code { try machine.receiveAnswer(offer) } == .noOffer)
        _ = try machine.makeAnswer(ours)
        #expect(machine.state == .stable)
        #expect(machine.pendingOffer == nil)
    }

    @Test func answerWithoutOffer() throws {
        var machine = ourMachine()
        #expect(code { try machine.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0")) } == .noOffer)
    }

    @Test func rejectedOfferLeavesTheAgreement() throws {
        var (machine, _) = try agreement(ours, theirs("m=audio 5000 RTP/AVP 0"))
        let (local, streams) = (machine.local, machine.streams)
        var held = ourStream()
        held.direction = .sendonly
        _ = try machine.makeOffer(capabilities(held))
        machine.rollBack()
        #expect(machine.state == .stable)
        #expect(machine.local == local)
        #expect(machine.streams == streams)

        try machine.receiveOffer(theirs("m=audio 0 RTP/AVP 0", version: 2))
        machine.rollBack()
        #expect(machine.streams == streams)
        #expect(machine.remote?.origin.versionNumber == 1)
    }

    /// The peer has seen the version of the rejected offer with other lines, so it cannot be used for these.
    @Test func rejectedOfferUsesUpItsVersion() throws {
        var (machine, first) = try agreement(ours, theirs("m=audio 5000 RTP/AVP 0"))
        #expect(first.origin.versionNumber == 1)
        var held = ourStream()
        held.direction = .sendonly
        #expect(try machine.makeOffer(capabilities(held)).origin.versionNumber == 2)
        machine.rollBack()
        #expect(try machine.makeOffer(capabilities(held)).origin.versionNumber == 2)
        machine.rollBack()
        #expect(try machine.makeOffer(ours).origin.versionNumber == 3)
    }

    /// RFC 3264 §8: the version rises by one with every change, and only then.
    @Test func versionRisesWithChanges() throws {
        var (machine, _) = try agreement(ours, theirs("m=audio 5000 RTP/AVP 0"))
        let same = try machine.makeOffer(ours)
        #expect(same == machine.local)
        try machine.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0"))
        let moved = try machine.makeOffer(capabilities(ourStream(port: 4002)))
        #expect(moved.origin.versionNumber == 2)
        #expect(moved.origin.isSameSession(as: same.origin))
    }

    /// RFC 3264 §8: an offer with the version of the last is a refresh, and is answered.
    @Test func unchangedOffer() throws {
        let offer = try theirs("m=audio 5000 RTP/AVP 0")
        var (machine, first) = try answer(offer, ours)
        #expect(try machine.receiveOffer(offer) == .unchanged)
        #expect(try machine.makeAnswer(ours) == first)
        #expect(try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0", version: 2)) == .unchanged)
        #expect(try machine.makeAnswer(ours) == first)
        #expect(try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 8", version: 3)) == .changed)
        #expect(try machine.makeAnswer(ours).origin.versionNumber == 2)
    }

    /// Peers that forget to raise the version are believed by their lines.
    @Test func changedOfferWithTheSameVersion() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0"), ours)
        #expect(try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0\na=sendonly")) == .changed)
        _ = try machine.makeAnswer(ours)
        #expect(machine.streams[0].direction == .recvonly)
    }

    @Test func newSessionOfThePeerIsAChange() throws {
        var (machine, _) = try answer(theirs("m=audio 5000 RTP/AVP 0"), ours)
        let transferred = try parse(
            "v=0\no=- 900 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.2\nt=0 0\nm=audio 5000 RTP/AVP 0")
        #expect(try machine.receiveOffer(transferred) == .changed)
    }

    /// RFC 3264 §5: 63 bits for the identifier, 62 for the version, with room to rise.
    @Test func numbersOfTheOriginAreBounded() throws {
        var machine = OfferAnswer(sessionID: .max, address: nearAddress)
        let origin = try machine.makeOffer(ours).origin
        #expect(origin.sessionID == "9223372036854775807")
        #expect(origin.versionNumber == OfferAnswer.maximumInitialVersion)
        #expect(OfferAnswer.maximumInitialVersion == 2_305_843_009_213_693_951)
    }

    /// Each early dialog of a forked INVITE goes its own way from a copy.
    @Test func copiesAreIndependent() throws {
        var first = ourMachine()
        _ = try first.makeOffer(ours)
        var second = first
        try first.receiveAnswer(theirs("m=audio 5000 RTP/AVP 0"))
        #expect(second.state == .offerSent)
        try second.receiveAnswer(theirs("m=audio 6000 RTP/AVP 8"))
        #expect(first.streams[0].remotePort == 5000)
        #expect(second.streams[0].remotePort == 6000)
    }

    @Test func lateOffer() throws {
        var called = ourMachine()
        let offer = try called.makeOffer(ours)
        var caller = OfferAnswer(sessionID: 5, address: .ip4(0xC000_0202))
        try caller.receiveOffer(offer)
        let answer = try caller.makeAnswer(.audio(address: .ip4(0xC000_0202), port: 6000))
        try called.receiveAnswer(answer)
        expectAgreement(caller, called)
    }

    /// RFC 3261 §13.2.2.4: an offer in a 2xx gets a valid answer even when the call is ended at once.
    @Test func refusalOfAnOfferThatMustBeAnswered() throws {
        var machine = ourMachine()
        try machine.receiveOffer(theirs("m=audio 5000 RTP/SAVP 0\nm=video 5002 RTP/AVP 31"))
        #expect(code { _ = try machine.makeAnswer(ours) } == .noAcceptableMedia)
        let refusal = try machine.makeRefusal()
        #expect(refusal.media.map(\.field.value) == ["audio 0 RTP/SAVP 0", "video 0 RTP/AVP 31"])
        #expect(machine.state == .stable)
        #expect(machine.refused.map(\.reason) == [.declined, .declined])
    }

    @Test func streamsMustBeDistinct() throws {
        var machine = ourMachine()
        #expect(code { _ = try machine.makeOffer(capabilities(ourStream(), ourStream())) } == .invalidCapabilities)
        try machine.receiveOffer(theirs("m=audio 5000 RTP/AVP 0"))
        #expect(code { _ = try machine.makeAnswer(capabilities(ourStream(), ourStream())) } == .invalidCapabilities)
        #expect(machine.state == .offerReceived)
    }

    @Test func payloadTypesCanRunOut() throws {
        let formats = (0..<62).map { FormatCapability(Codec(name: "x\($0)", clockRate: 8_000)!) }  // tokens
        var machine = ourMachine()
        #expect(code { _ = try machine.makeOffer(capabilities(ourStream(formats))) } == .invalidCapabilities)
        #expect(machine.state == .stable)
        let offer = try machine.makeOffer(capabilities(ourStream(Array(formats.dropLast()))))
        #expect(offer.media[0].payloadTypes == Array(96...127) + Array(35...63))
    }
}
