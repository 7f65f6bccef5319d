// targets: SDP

import SDP

/// Reads the bytes as a description, checks that they are written as they came, asks for every typed value, and uses the
/// description as an offer and as an answer. libFuzzer calls it; what it finds is a trap or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSessionDescription(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let description = try? SessionDescription(parsing: bytes) else {
        check(
            (try? SessionDescription(parsing: bytes, strictness: .strict)) == nil, "strict took what tolerant refused")
        return 0
    }
    check(description.serialised() == bytes, "the description was not written as it came")
    readEverything(of: description)

    let capabilities = MediaCapabilities(streams: [
        StreamCapability(id: 0, address: .ip4(0x7F00_0001), port: 4000),
        StreamCapability(
            id: 1, address: .ip4(0x7F00_0001), port: 4002,
            formats: [FormatCapability(.opus), FormatCapability(.telephoneEvent(clockRate: 48_000))]),
    ])
    answer(description, capabilities)
    var offerer = OfferAnswer(sessionID: 1, address: .ip4(0x7F00_0001))
    check((try? offerer.makeOffer(capabilities)) != nil, "no offer was made")
    _ = try? offerer.receiveAnswer(description)
    check(offerer.state == .stable, "an answer left the offer open")
    return 0
}

private func readEverything(of description: SessionDescription) {
    _ = (description.name, description.uri, description.times, description.groups, description.information)
    for media in description.media {
        _ = (media.candidates, media.remoteCandidates, media.iceCredentials, media.iceOptions, media.endsCandidates)
        _ = (media.rtpFormats, media.packetTime, media.maximumPacketTime, media.rtcp, media.identification)
        _ = (media.connections, media.bandwidths, description.connection(of: media), description.direction(of: media))
        for format in media.field.formats { _ = media.formatParameters(for: format)?["mode"] }
    }
}

private func answer(_ description: SessionDescription, _ capabilities: MediaCapabilities) {
    var answerer = OfferAnswer(sessionID: 2, address: .ip4(0x7F00_0001))
    check((try? answerer.receiveOffer(description)) == .initial, "a first offer was not taken")
    guard let answer = try? answerer.makeAnswer(capabilities) else { return }
    check(answer.media.count == description.media.count, "the answer has another number of m= lines")
    check((try? SessionDescription(parsing: answer.serialised())) == answer, "the answer cannot be read")
    guard let offer = try? answerer.makeOffer(capabilities) else { return }
    check(offer.media.count >= description.media.count, "the number of m= lines shrank")
    check((try? SessionDescription(parsing: offer.serialised())) == offer, "the offer cannot be read")
}
