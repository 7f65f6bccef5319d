import SDP
import Testing

// Short ways to say what the tests of the machine need.

let nearAddress = ConnectionAddress.ip4(0xC000_0201)  // 192.0.2.1
let farAddress = "192.0.2.2"

/// An audio stream of ours at 192.0.2.1:4000.
func ourStream(
    _ formats: [FormatCapability] = StreamCapability.defaultFormats, id: Int = 0, port: UInt16 = 4000
) -> StreamCapability {
    StreamCapability(id: id, address: nearAddress, port: port, formats: formats)
}

func capabilities(_ streams: StreamCapability...) -> MediaCapabilities {
    MediaCapabilities(streams: streams)
}

func ourMachine(_ policy: AnswerPolicy = .init()) -> OfferAnswer {
    OfferAnswer(sessionID: 100, version: 1, address: nearAddress, policy: policy)
}

/// A description of the peer at 192.0.2.2, with `media` behind the session level.
func theirs(_ media: String, version: Int = 1, session: String = "", host: String = farAddress) throws
    -> SessionDescription
{
    try parse("v=0\no=- 200 \(version) IN IP4 192.0.2.2\ns=-\nc=IN IP4 \(host)\nt=0 0\n\(session)\(media)")
}

/// Our answer to a first offer, with the machine that made it.
func answer(
    _ offer: SessionDescription, _ capabilities: MediaCapabilities, _ policy: AnswerPolicy = .init()
) throws -> (machine: OfferAnswer, answer: SessionDescription) {
    var machine = ourMachine(policy)
    try machine.receiveOffer(offer)
    let answer = try machine.makeAnswer(capabilities)
    _ = try SessionDescription(parsing: answer.serialised(), strictness: .strict)
    return (machine, answer)
}

/// The machine behind our first offer and the peer's answer to it.
func agreement(
    _ capabilities: MediaCapabilities, _ answer: SessionDescription
) throws -> (machine: OfferAnswer, offer: SessionDescription) {
    var machine = ourMachine()
    let offer = try machine.makeOffer(capabilities)
    _ = try SessionDescription(parsing: offer.serialised(), strictness: .strict)
    try machine.receiveAnswer(answer)
    return (machine, offer)
}

/// The code of the error that a step of the machine throws.
func code(_ step: () throws -> Void) -> OfferAnswerError.Code? {
    do {
        try step()
        return nil
    } catch {
        return (error as? OfferAnswerError)?.code
    }
}
