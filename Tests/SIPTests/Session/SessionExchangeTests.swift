import SIP
import Testing

/// RFC 6337 §2.2, table 1: the six places of an offer and its answer; and what may not be there.
@Suite struct SessionExchangeTests {
    typealias Place = SessionExchange.Place
    typealias Meaning = SessionExchange.Meaning

    /// Messages, each with its sender and whether it has a description, and what that description is.
    struct Flow: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var messages: [(Place, SessionExchange.Side, Bool, Meaning)]
        var isAgreed = true
    }

    static let flows: [Flow] = [
        Flow(
            testDescription: "1: offer in INVITE, answer in 2xx",
            messages: [
                (.invite, .local, true, .offer), (.success, .remote, true, .answer), (.ack, .local, false, .none),
            ]),
        Flow(
            testDescription: "1 with previews in unreliable responses",
            messages: [
                (.invite, .local, true, .offer), (.unreliableResponse, .remote, true, .preview),
                (.unreliableResponse, .remote, false, .none), (.success, .remote, true, .answer),
                (.ack, .local, false, .none),
            ]),
        Flow(
            testDescription: "2: offer in 2xx, answer in ACK",
            messages: [
                (.invite, .local, false, .none), (.unreliableResponse, .remote, true, .none),
                (.success, .remote, true, .offer), (.ack, .local, true, .answer),
            ]),
        Flow(
            testDescription:
                "3: offer in INVITE, answer in a reliable 1xx; the 2xx has none, or what it has is ignored",
            messages: [
                (.invite, .local, true, .offer), (.reliableResponse, .remote, true, .answer),
                (.prack, .local, false, .none), (.prackSuccess, .remote, false, .none),
                (.reliableResponse, .remote, true, .none), (.success, .remote, true, .none),
                (.ack, .local, false, .none),
            ]),
        Flow(
            testDescription: "4: offer in a reliable 1xx, answer in PRACK",
            messages: [
                (.invite, .local, false, .none), (.reliableResponse, .remote, true, .offer),
                (.prack, .local, true, .answer), (.prackSuccess, .remote, false, .none),
                (.success, .remote, false, .none),
                (.ack, .local, false, .none),
            ]),
        Flow(
            testDescription: "5: offer in PRACK, answer in its 2xx",
            messages: [
                (.invite, .local, true, .offer), (.reliableResponse, .remote, true, .answer),
                (.prack, .local, true, .offer), (.prackSuccess, .remote, true, .answer),
                (.success, .remote, false, .none),
            ]),
        Flow(
            testDescription: "6: offer in UPDATE, answer in its 2xx",
            messages: [
                (.invite, .local, true, .offer), (.reliableResponse, .remote, true, .answer),
                (.prack, .local, false, .none), (.prackSuccess, .remote, false, .none), (.update, .local, true, .offer),
                (.updateSuccess, .remote, true, .answer), (.success, .remote, false, .none),
                (.ack, .local, false, .none),
            ]),
        Flow(
            testDescription: "A PRACK before there is a session offers nothing",
            messages: [
                (.invite, .local, true, .offer), (.reliableResponse, .remote, false, .none),
                (.prack, .local, true, .none), (.success, .remote, true, .answer),
            ]),
        Flow(
            testDescription: "A 2xx that must answer and does not",
            messages: [(.invite, .local, true, .offer), (.success, .remote, false, .missing)], isAgreed: false),
        Flow(
            testDescription: "A 2xx that must offer and does not",
            messages: [(.invite, .local, false, .none), (.success, .remote, false, .missing)], isAgreed: false),
        Flow(
            testDescription: "An ACK that must answer and does not",
            messages: [
                (.invite, .local, false, .none), (.success, .remote, true, .offer), (.ack, .local, false, .missing),
            ], isAgreed: false),
        Flow(
            testDescription: "A PRACK that must answer and does not",
            messages: [
                (.invite, .local, false, .none), (.reliableResponse, .remote, true, .offer),
                (.prack, .local, false, .missing),
            ], isAgreed: false),
    ]

    /// Both ends see the same.
    @Test(arguments: flows, [false, true])
    func theDescriptionsOfAFlow(flow: Flow, isMirrored: Bool) {
        var exchange = SessionExchange()
        for (place, side, hasDescription, meaning) in flow.messages {
            let side = isMirrored ? side.other : side
            #expect(exchange.pass(place, from: side, hasDescription: hasDescription) == meaning, "\(place)")
        }
        #expect(exchange.state == .settled)
        #expect(exchange.isAgreed == flow.isAgreed)
    }

    /// A call that is up, as the caller or the callee sees it.
    static func call(isCaller: Bool = true) -> SessionExchange {
        let caller: SessionExchange.Side = isCaller ? .local : .remote
        var exchange = SessionExchange()
        exchange.pass(.invite, from: caller, hasDescription: true)
        exchange.pass(.success, from: caller.other, hasDescription: true)
        exchange.pass(.ack, from: caller, hasDescription: false)
        return exchange
    }

    @Test("RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311 §5: what the callee's messages have to carry")
    func dutiesOfTheCallee() {
        var exchange = SessionExchange()
        #expect(exchange.duty(of: .success) == .nothing)
        exchange.pass(.invite, from: .remote, hasDescription: true)
        #expect(exchange.duty(of: .unreliableResponse) == .mayPreview)
        #expect(exchange.duty(of: .reliableResponse) == .mayAnswer)
        #expect(exchange.duty(of: .success) == .answer)
        #expect(exchange.duty(of: .update) == .nothing)
        exchange.pass(.reliableResponse, from: .local, hasDescription: true)
        #expect(exchange.duty(of: .success) == .nothing)
        exchange.pass(.prack, from: .remote, hasDescription: true)
        #expect(exchange.duty(of: .prackSuccess) == .answer)

        var late = SessionExchange()
        late.pass(.invite, from: .remote, hasDescription: false)
        #expect(late.duty(of: .unreliableResponse) == .nothing)
        #expect(late.duty(of: .reliableResponse) == .offer)
        #expect(late.duty(of: .success) == .offer)
    }

    @Test("What the caller's messages have to carry")
    func dutiesOfTheCaller() {
        var exchange = SessionExchange()
        #expect(exchange.duty(of: .invite) == .mayOffer)
        exchange.pass(.invite, from: .local, hasDescription: false)
        #expect(exchange.duty(of: .prack) == .nothing)
        exchange.pass(.reliableResponse, from: .remote, hasDescription: true)
        #expect(exchange.duty(of: .prack) == .answer)
        exchange.pass(.prack, from: .local, hasDescription: true)
        #expect(exchange.duty(of: .prack) == .mayOffer)
        #expect(exchange.duty(of: .update) == .mayOffer)

        var late = SessionExchange()
        late.pass(.invite, from: .local, hasDescription: false)
        late.pass(.success, from: .remote, hasDescription: true)
        #expect(late.duty(of: .ack) == .answer)
    }

    // MARK: Refusals

    @Test("A refused offer leaves what was agreed", arguments: [Place.invite, .update])
    func refused(place: Place) {
        var exchange = Self.call()
        exchange.pass(place, from: .local, hasDescription: true)
        #expect(exchange.state == .offered(by: .local, in: place))
        exchange.refuse(place, from: .local)
        #expect(exchange == Self.call())
    }

    @Test("A re-INVITE that is refused takes along the offer that it asked for, but no other")
    func refusedWithOfferInResponse() {
        var exchange = Self.call()
        exchange.pass(.invite, from: .local, hasDescription: false)
        exchange.pass(.reliableResponse, from: .remote, hasDescription: true)
        exchange.refuse(.invite, from: .local)
        #expect(exchange.state == .settled)

        var other = Self.call()
        other.pass(.invite, from: .local, hasDescription: true)
        other.pass(.reliableResponse, from: .remote, hasDescription: true)
        other.pass(.update, from: .remote, hasDescription: true)
        other.refuse(.invite, from: .local)
        #expect(other.state == .offered(by: .remote, in: .update))
    }

    // MARK: Glare

    @Test("RFC 3261 §14.2: a re-INVITE that meets one of this side gets 491, one behind another 500")
    func admissionOfInvites() {
        #expect(Self.call().admissionOfInvite == .accept)
        var ours = Self.call()
        ours.pass(.invite, from: .local, hasDescription: false)
        #expect(ours.admissionOfInvite == .pending)
        var theirs = Self.call()
        theirs.pass(.invite, from: .remote, hasDescription: true)
        #expect(theirs.admissionOfInvite == .tooSoon)
        theirs.pass(.success, from: .local, hasDescription: true)
        #expect(theirs.admissionOfInvite == .pending)
        theirs.pass(.ack, from: .remote, hasDescription: false)
        #expect(theirs.admissionOfInvite == .accept)
        var update = Self.call()
        update.pass(.update, from: .local, hasDescription: true)
        #expect(update.admissionOfInvite == .pending)
        update.pass(.updateSuccess, from: .remote, hasDescription: true)
        #expect(update.admissionOfInvite == .accept)
        update.pass(.update, from: .local, hasDescription: false)
        #expect(update.admissionOfInvite == .accept)
    }

    @Test("RFC 3311 §5.2: an UPDATE with an offer, and one without")
    func admissionOfUpdates() {
        let call = Self.call()
        #expect(call.admissionOfUpdate(hasDescription: true) == .accept)
        var ours = call
        ours.pass(.update, from: .local, hasDescription: true)
        #expect(ours.admissionOfUpdate(hasDescription: true) == .pending)
        #expect(ours.admissionOfUpdate(hasDescription: false) == .accept)
        var invited = SessionExchange()
        invited.pass(.invite, from: .remote, hasDescription: true)
        #expect(invited.admissionOfUpdate(hasDescription: true) == .tooSoon)
        #expect(invited.admissionOfUpdate(hasDescription: false) == .accept)
        var theirs = call
        theirs.pass(.update, from: .remote, hasDescription: false)
        #expect(theirs.admissionOfUpdate(hasDescription: false) == .tooSoon)
        theirs.pass(.updateSuccess, from: .local, hasDescription: false)
        #expect(theirs.admissionOfUpdate(hasDescription: true) == .accept)
    }

    @Test("RFC 3261 §14.1: no re-INVITE while another is in progress in either direction")
    func mayInvite() {
        for isCaller in [true, false] {
            var exchange = SessionExchange()
            let caller: SessionExchange.Side = isCaller ? .local : .remote
            exchange.pass(.invite, from: caller, hasDescription: true)
            #expect(!exchange.allowsInvite)
            exchange.pass(.success, from: caller.other, hasDescription: true)
            #expect(!exchange.allowsInvite)
            exchange.pass(.ack, from: caller, hasDescription: false)
            #expect(exchange.allowsInvite)
        }
        var updating = Self.call()
        updating.pass(.update, from: .local, hasDescription: false)
        #expect(!updating.allowsInvite)
    }

    @Test("RFC 3311 §5.1: the callee may offer in UPDATE when its answer was acknowledged, the caller when it has come")
    func mayUpdate() {
        var callee = SessionExchange()
        callee.pass(.invite, from: .remote, hasDescription: true)
        #expect(!callee.allowsOfferInUpdate)
        callee.pass(.reliableResponse, from: .local, hasDescription: true)
        #expect(!callee.allowsOfferInUpdate)
        callee.pass(.prack, from: .remote, hasDescription: false)
        #expect(callee.allowsOfferInUpdate)
        callee.pass(.update, from: .remote, hasDescription: true)
        #expect(!callee.allowsOfferInUpdate)

        var caller = SessionExchange()
        caller.pass(.invite, from: .local, hasDescription: true)
        caller.pass(.unreliableResponse, from: .remote, hasDescription: true)
        #expect(!caller.allowsOfferInUpdate)
        caller.pass(.reliableResponse, from: .remote, hasDescription: true)
        #expect(caller.allowsOfferInUpdate)
        caller.pass(.update, from: .local, hasDescription: true)
        #expect(!caller.allowsOfferInUpdate)
    }

    @Test("RFC 3261 §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other up to 2 s, in steps of 10 ms")
    func backOff() {
        let randoms: [UInt64] = [0, 1, 190, 191, 200, 201, 12_345_678, .max]
        for random in randoms {
            let owner = SessionExchange.retryDelay(ownsCallID: true, random: random)
            let other = SessionExchange.retryDelay(ownsCallID: false, random: random)
            #expect(owner >= .milliseconds(2_100) && owner <= .seconds(4))
            #expect(other >= .zero && other <= .seconds(2))
            for delay in [owner, other] {
                #expect(delay.components.attoseconds % (10 * 1_000_000_000_000_000) == 0)
            }
        }
        #expect(SessionExchange.retryDelay(ownsCallID: true, random: 190) == .seconds(4))
        #expect(SessionExchange.retryDelay(ownsCallID: false, random: 200) == .seconds(2))
    }
}
