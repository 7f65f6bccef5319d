import Media
import Reactor
import Routing
import SDP

/// The media of one dialog of a call, or of a branch that may become one: what was offered and answered, and the bridge between
/// its ends.
///
/// It takes each description from one end and gives back what the other is to be told. The ports that an end is told stay the same
/// through the call, whatever is re-negotiated.
struct AnchoredDialog {
    /// Why a description cannot be carried.
    enum Refusal: Error {
        /// It cannot be read, or has too many streams.
        case description
        /// There are no ports.
        case ports
        /// An end does not encrypt, or cannot be encrypted, as it must be.
        case security(MediaSecurityError)
    }

    /// The ports of a stream, by the side that they face.
    private struct Ports {
        let kind: RelayedKind
        let caller: UInt16
        let callee: UInt16

        subscript(side: RelaySide) -> UInt16 { side == .caller ? caller : callee }
    }

    /// The response context and branch by which its INVITE went out.
    let context: UInt64
    let branch: Int
    /// The tag of the callee; there may be several until a 2xx has come, when the INVITE was forked further on.
    private(set) var tags: [[UInt8]] = []
    /// Whether a 2xx has come.
    private(set) var isConfirmed = false
    /// When the ports of a branch that has not answered are given up.
    var expires: ContinuousClock.Instant?
    let bridge: MediaBridge
    /// The addresses that sockets are bound to, by the side that they face.
    private let local: [RelaySide: TransportAddress]
    private let told: [RelaySide: ConnectionAddress]
    private let signalling: [RelaySide: TransportAddress]
    private var ports: [Int: Ports] = [:]
    private let encryption: MediaLegEncryption
    private let certificates: RelayCertificates?
    /// By stream, where the relay secures its legs.
    private var keying: [Int: StreamKeying] = [:]
    private(set) var offers: [OfferKey: RelayedOffer] = [:]

    private var lastSerial = 0

    /// Offers of a dialog that are kept: the one that is open each way (RFC 3264 §4), and past ones since their answer may come
    /// again in a repeated 2xx (RFC 3261 §13.3.1.4). Beyond it the oldest is forgotten.
    static let offerLimit = 8

    init(
        context: UInt64, branch: Int, bridge: MediaBridge, local: [RelaySide: TransportAddress],
        told: [RelaySide: ConnectionAddress], signalling: [RelaySide: TransportAddress],
        encryption: MediaLegEncryption, certificates: RelayCertificates?
    ) {
        self.context = context
        self.branch = branch
        self.bridge = bridge
        self.local = local
        self.told = told
        self.signalling = signalling
        self.encryption = certificates == nil ? .pass : encryption
        self.certificates = certificates
    }

    /// Takes note of the tag that an answerer has.
    mutating func note(tag: [UInt8], confirms: Bool) {
        guard !tag.isEmpty, !isConfirmed else { return }
        if confirms {
            isConfirmed = true
            tags = [tag]
        } else if !tags.contains(tag) {
            tags.append(tag)
        }
    }

    // MARK: Offers and answers

    /// Takes an offer.
    ///
    /// - Returns: what the other side is told; nil when it is to be told the same.
    mutating func offer(
        _ description: SessionDescription, from side: RelaySide, _ key: OfferKey, isLate: Bool, _ relay: MediaRelay
    ) throws(Refusal) -> SessionDescription? {
        guard !isOurs(description) else { return nil }
        guard description.media.count <= relay.configuration.streamLimit else { throw .description }
        let lines = lines(of: description, from: side)
        var added: [Int] = []
        do throws(SocketError) {
            for (index, line) in lines.enumerated() {
                guard case .relayed(let kind) = line.use, ports[index]?.kind != kind else { continue }
                try open(index, kind, isVideo: description.media[index].media == "video", relay)
                added.append(index)
                // What begins may be heard before the answer has come (RFC 3264 §5.1).
                bridge.signal(line.remote, of: side, index)
                bridge.signal(LegRemote(signalling: signalling[side.other]), of: side.other, index)
            }
        } catch {
            close(added)
            throw .ports
        }
        if let before = offers[key] { added += before.added }
        if offers.count >= Self.offerLimit, let oldest = offers.min(by: { $0.value.serial < $1.value.serial }) {
            offers[oldest.key] = nil
        }
        lastSerial += 1
        var offer = RelayedOffer(side: side, lines: lines, added: added, isLate: isLate, serial: lastSerial)
        var result = anchored(description, lines, facing: side.other)
        if encryption != .pass {
            offer.description = description
            do throws(MediaSecurityError) {
                try keyOffer(&result, lines, facing: side.other)
            } catch {
                close(added)
                throw .security(error)
            }
        }
        offers[key] = offer
        return result
    }

    /// Takes the answer to an offer, or a repetition of it.
    ///
    /// - Returns: what the other side is told; nil when it is to be told the same.
    mutating func answer(
        _ description: SessionDescription, to key: OfferKey, tag: [UInt8]
    ) throws(Refusal) -> SessionDescription? {
        guard !isOurs(description), let offer = offers[key] else { return nil }
        let side = offer.side.other
        let lines = lines(of: description, from: side)
        var result = anchored(description, lines, facing: offer.side)
        do throws(MediaSecurityError) {
            try keyAnswer(&result, description, lines, to: offer)
        } catch {
            throw .security(error)
        }
        // Where the INVITE was forked further on, whoever has answered it with 2xx is the one to talk to.
        if !isConfirmed || tags.contains(tag) || tag.isEmpty {
            for (index, line) in lines.enumerated() where offer.lines.indices.contains(index) {
                guard case .relayed = line.use else {
                    if ports[index] != nil { close([index]) }
                    continue
                }
                // Each leg shares its port as its own end wants it.
                bridge.signal(offer.lines[index].remote(), of: offer.side, index)
                bridge.signal(line.remote(), of: side, index)
                guard let keys = keying[index]?.keys, let certificates else { continue }
                for side in RelaySide.allCases {
                    guard let found = keys[side] else { continue }
                    bridge.secure([side: found], index, by: certificates.context(side))
                }
            }
            offers[key]?.isAnswered = true
        }
        return result
    }

    // MARK: Keys

    /// Has an offer to an end say what the relay says of keys.
    private mutating func keyOffer(
        _ description: inout SessionDescription?, _ lines: [MediaLine], facing side: RelaySide
    ) throws(MediaSecurityError) {
        guard let certificates else { return }
        description?.stripKeying()
        for (index, line) in lines.enumerated() {
            guard line.use == .relayed(.rtp), let port = ports[index]?[side], let address = told[side] else { continue }
            var stream = keying[index] ?? StreamKeying(encryption, certificates)
            let terms = try stream.offer(to: side, at: Self.place(address, port))
            keying[index] = stream
            description?.key(index, terms)
            if terms.multiplexes { description?.share(index, true) }
        }
    }

    /// Has an answer to an end say what the relay says of keys, and of a shared port.
    private mutating func keyAnswer(
        _ description: inout SessionDescription?, _ answer: SessionDescription, _ lines: [MediaLine],
        to offer: RelayedOffer
    ) throws(MediaSecurityError) {
        if encryption != .pass { description?.stripKeying() }
        for (index, line) in lines.enumerated() {
            guard line.use == .relayed(.rtp), offer.lines.indices.contains(index) else { continue }
            description?.share(index, offer.lines[index].remote.isMultiplexed)
            guard encryption != .pass, let offered = offer.description, let port = ports[index]?[offer.side],
                let address = told[offer.side], var stream = keying[index]
            else { continue }
            let terms = try stream.answer(
                answer, from: offer.side.other, to: offered, index, at: Self.place(address, port))
            keying[index] = stream
            description?.key(index, terms, transport: offered.media[index].field.transport)
        }
    }

    private static func place(_ address: ConnectionAddress, _ port: UInt16) -> ByteString {
        ByteString("\(address) \(port)") ?? "?"
    }

    /// The request has failed: what it has offered does not hold. The streams that it has brought end, and all else is as before
    /// (RFC 3261 §14.1, RFC 6141).
    mutating func withdraw(_ key: OfferKey) {
        guard let offer = offers.removeValue(forKey: key), !offer.isAnswered else { return }
        close(offer.added)
        for index in keying.keys { keying[index]?.rollBack() }
    }

    /// The offer of a response whose answer has not come, for PRACK and ACK.
    func lateOffer(_ isFromCaller: Bool) -> OfferKey? {
        offers.first { $0.key.isFromCaller == isFromCaller && $0.value.isLate && !$0.value.isAnswered }?.key
    }

    // MARK: Streams

    private mutating func open(
        _ index: Int, _ kind: RelayedKind, isVideo: Bool, _ relay: MediaRelay
    ) throws(SocketError) {
        guard let near = local[.caller], let far = local[.callee] else { return }
        let caller = try relay.bind(kind, near: near, isVideo: isVideo)
        let callee = try relay.bind(kind, near: far, isVideo: isVideo)
        ports[index] = Ports(kind: kind, caller: caller.port, callee: callee.port)
        bridge.open(index, kind, caller: caller, callee: callee)
    }

    private mutating func close(_ indices: [Int]) {
        for index in indices {
            ports[index] = nil
            keying[index] = nil
            bridge.close(index)
        }
    }

    // MARK: Descriptions

    private func lines(of description: SessionDescription, from side: RelaySide) -> [MediaLine] {
        description.media.indices.map { MediaLine(description, $0, signalling: signalling[side]) }
    }

    /// Whether a description names ports of this dialog: it has been here already, on a way that leads through this server twice.
    private func isOurs(_ description: SessionDescription) -> Bool {
        description.media.contains { media in
            guard let address = description.connection(of: media)?.address else { return false }
            return RelaySide.allCases.contains { side in
                told[side] == address && ports.values.contains { $0[side] == media.port }
            }
        }
    }

    /// A description as the other side is told it.
    private func anchored(
        _ description: SessionDescription, _ lines: [MediaLine], facing side: RelaySide
    ) -> SessionDescription? {
        guard let address = told[side] else { return nil }
        var result = description
        let session = result.connection
        for (index, line) in lines.enumerated() {
            switch line.use {
            case .relayed:
                guard let port = ports[index]?[side] else { continue }
                result.anchor(index, at: address, port: port)
            case .foreign:
                // Its address must not go with that of the session.
                if result.media[index].connection == nil { result.media[index].connection = session }
            case .disabled: break
            }
        }
        result.anchorSession(at: address)
        return result
    }
}

extension MediaLine {
    /// Where the writer wants the stream, once offer and answer are there: a port that it wants to share is shared.
    fileprivate func remote() -> LegRemote {
        var remote = remote
        remote.control = remote.isMultiplexed ? nil : separateControl
        return remote
    }
}
