import Media
import Routing
import SDP
import SRTP

// What descriptions say of keys, where the relay secures its legs.
extension AnchoredDialog {
    /// Whether the relay secures the legs, each in its own way.
    var isSecured: Bool { encryption != .pass }

    /// Takes what an offer says of keys, and has the other end be told what the relay says of them.
    func keyOffer(
        _ result: inout SessionDescription?, _ description: SessionDescription, _ offer: inout RelayedOffer,
        _ covered: [Int: Int]
    ) throws(MediaSecurityError) {
        guard isSecured else { return }
        guard let certificates else { throw .handshake(.cryptography) }
        result?.stripKeying(of: Self.keyed(offer.lines))
        var said: [Int: StreamKeying.Words] = [:]
        for (index, line) in offer.lines.enumerated() where offer.bundles.riders[index] == nil {
            guard line.use == .relayed(.rtp) else {
                // It would go past the relay in the clear.
                guard !line.isForeignRTP else { throw .unsupported }
                continue
            }
            guard let near = place(index, offer.side), let far = place(index, offer.side.other) else {
                throw .unsupported
            }
            var stream = keying[index] ?? StreamKeying(encryption, certificates)
            let words = try stream.take(
                offer: description, index, from: offer.side, at: near, and: far,
                checks: offer.ice[index]?.terms(offer.side.other) != nil)
            offer.keying[index] = stream
            said[index] = words
            guard covered[index] == nil else { continue }
            result?.key(index, words)
            result?.share(index, words.multiplexes || line.remote.isMultiplexed)
        }
        for (rider, tagged) in covered {
            guard let words = said[tagged] else { throw .mismatch }
            result?.key(rider, words)
            result?.share(rider, true)
        }
    }

    /// Takes what an answer says of keys, and has the end that has offered be told what the relay says of them.
    ///
    /// - Returns: the keys of each stream that the relay secures.
    func keyAnswer(
        _ result: inout SessionDescription?, _ answer: SessionDescription, _ lines: [MediaLine],
        _ riders: [Int: Int], _ parted: [Int: Int], _ kept: [Int: Int], to offer: RelayedOffer
    ) throws(MediaSecurityError) -> [Int: StreamKeying] {
        guard isSecured else { return [:] }
        result?.stripKeying(of: Self.keyed(lines))
        var keyed: [Int: StreamKeying] = [:]
        for (rider, tagged) in riders.merging(parted, uniquingKeysWith: { $1 }) {
            guard let words = offer.keying[tagged]?.answer else { throw .mismatch }
            result?.key(rider, words)
            result?.share(rider, true)
        }
        for (index, line) in lines.enumerated() where riders[index] == nil {
            guard var stream = offer.keying[index], let words = stream.answer else {
                // What was offered as no stream of RTP is answered as none.
                guard line.use != .relayed(.rtp), !line.isForeignRTP else { throw .mismatch }
                continue
            }
            switch line.use {
            case .relayed(.rtp):
                // An end that bundles has answered for all by what it says of the tagged one.
                if kept[index] == nil { try stream.take(answer: answer, index, from: offer.side.other) }
                keyed[index] = stream
                guard parted[index] == nil else { continue }
                result?.key(index, words)
                result?.share(index, offer.lines[index].remote.isMultiplexed)
            case .disabled: result?.carry(index, over: words.transport)
            case .relayed(.datagrams), .foreign: throw .mismatch
            }
        }
        return keyed
    }

    /// The answer to an offer that is told in place of one that cannot be: all streams are refused (RFC 3264 §6).
    func refusal(of description: SessionDescription, to key: OfferKey) -> SessionDescription {
        var result = description.withoutStreams
        result.stripKeying(of: Set(result.media.indices))
        for (index, stream) in offers[key]?.keying ?? [:] where result.media.indices.contains(index) {
            guard let words = stream.answer else { continue }
            result.carry(index, over: words.transport)
        }
        return result
    }

    /// The streams whose keys the relay speaks of, and those that are refused.
    private static func keyed(_ lines: [MediaLine]) -> Set<Int> {
        Set(lines.indices.filter { lines[$0].use == .relayed(.rtp) || lines[$0].use == .disabled })
    }

    /// Where the relay receives what an end sends of a stream.
    private func place(_ index: Int, _ side: RelaySide) -> ByteString? {
        guard let address = told[side], let port = ports[index]?[side] else { return nil }
        return ByteString("\(address) \(port)")
    }
}
