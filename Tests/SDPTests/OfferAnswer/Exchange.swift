import SDP
import Testing

/// A series of offers and answers between Alice and Bob, with what each brings to it.
struct Exchange: Sendable, CustomTestStringConvertible {
    enum Party: Sendable, CaseIterable {
        case alice, bob
    }

    struct Message: Sendable {
        let sender: Party
        /// The description as the RFC prints it.
        let text: String
        /// What the sender brings.
        let capabilities: MediaCapabilities
        /// What we say where the RFC's message is not the only right one, or not right.
        let ours: String?
    }

    let name: String
    /// Offers and answers in turn.
    let messages: [Message]
    var aliceVersion: UInt64 = 2_890_844_526
    var bobVersion: UInt64 = 2_808_844_564
    var aliceHost: ByteString = "host.atlanta.example.com"
    var bobHost: ByteString = "host.biloxi.example.com"
    var aliceID: UInt64 = 2_890_844_526
    var bobID: UInt64 = 2_808_844_564
    var policy = AnswerPolicy()

    var testDescription: String { name }

    func machine(_ party: Party) -> OfferAnswer {
        switch party {
        case .alice:
            OfferAnswer(
                username: "alice", sessionID: aliceID, version: aliceVersion, address: .name(aliceHost), policy: policy)
        case .bob:
            OfferAnswer(
                username: "bob", sessionID: bobID, version: bobVersion, address: .name(bobHost), policy: policy)
        }
    }

    /// Plays one party with a machine; the other says what the RFC prints.
    func play(_ party: Party) throws {
        var machine = machine(party)
        for pair in stride(from: 0, to: messages.count, by: 2) {
            let (offer, answer) = (messages[pair], messages[pair + 1])
            if offer.sender == party {
                let made = try machine.makeOffer(offer.capabilities)
                #expect(summary(made) == summary(try parse(offer.ours ?? offer.text)), "offer \(pair / 2 + 1)")
                try machine.receiveAnswer(parse(answer.text))
            } else {
                try machine.receiveOffer(parse(offer.text))
                let made = try machine.makeAnswer(answer.capabilities)
                #expect(summary(made) == summary(try parse(answer.ours ?? answer.text)), "answer \(pair / 2 + 1)")
            }
            #expect(machine.state == .stable)
        }
    }

    /// Plays both parties with machines and checks that they agree on every stream.
    func playBoth() throws {
        var machines: [Party: OfferAnswer] = [.alice: machine(.alice), .bob: machine(.bob)]
        for pair in stride(from: 0, to: messages.count, by: 2) {
            let (offer, answer) = (messages[pair], messages[pair + 1])
            var (offerer, answerer) = (machines[offer.sender]!, machines[answer.sender]!)  // both are there
            try answerer.receiveOffer(reparsed(try offerer.makeOffer(offer.capabilities)))
            try offerer.receiveAnswer(reparsed(try answerer.makeAnswer(answer.capabilities)))
            expectAgreement(offerer, answerer)
            (machines[offer.sender], machines[answer.sender]) = (offerer, answerer)
        }
    }

    private func reparsed(_ description: SessionDescription) throws -> SessionDescription {
        let copy = try SessionDescription(parsing: description.serialised(), strictness: .strict)
        #expect(copy == description)
        return copy
    }
}

/// Two machines after an exchange: same lines in use, directions that mirror each other, and whatever one may send the
/// other expects under the same number.
func expectAgreement(_ one: OfferAnswer, _ other: OfferAnswer) {
    #expect(one.streams.map(\.index) == other.streams.map(\.index))
    #expect(one.local == other.remote)
    #expect(one.remote == other.local)
    for (near, far) in zip(one.streams, other.streams) {
        if !near.remoteAddress.isUnspecified, !far.remoteAddress.isUnspecified {
            #expect(near.direction == far.direction.reversed)
        }
        expectReception(from: near, to: far)
        expectReception(from: far, to: near)
    }
}

private func expectReception(from sender: NegotiatedStream, to receiver: NegotiatedStream) {
    for format in sender.sendFormats {
        #expect(receiver.receiveFormat(format.payloadType)?.codec == format.codec)
        #expect(receiver.receiveFormat(format.payloadType)?.parameters == format.parameters)
    }
    for events in sender.sendEvents { #expect(receiver.receiveEvents.contains(events)) }
}

/// What matters of a description: origin, times, and of each line in use its address, direction and formats in order.
func summary(_ description: SessionDescription) -> [String] {
    var result = ["o=\(description.origin.value)"] + description.times.map { "t=\($0.value)" }
    for media in description.media {
        var text = "\(media.media) \(media.port) \(media.field.transport)"
        if media.port != 0 {
            text += " \(description.connection(of: media)?.address.description ?? "nowhere")"
            text += " \(description.direction(of: media).rawValue)"
            for format in media.rtpFormats { text += " \(format.payloadType):\(format.codec)" }
        }
        result.append(text)
    }
    return result
}
