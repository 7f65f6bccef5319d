import Media
import Reactor
import Routing
import SDP
import SRTP

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
    struct Ports {
        let kind: RelayedKind
        let caller: UInt16
        let callee: UInt16
        /// The sides whose port others share.
        let shared: Set<RelaySide>

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
    /// What was seen of its signalling.
    var observed: ObservedDialog?
    /// The addresses that sockets are bound to, by the side that they face.
    private let local: [RelaySide: TransportAddress]
    let told: [RelaySide: ConnectionAddress]
    private let signalling: [RelaySide: TransportAddress]
    /// Whether an end is reached as browsers are.
    let browsers: [RelaySide: Bool]
    private(set) var ports: [Int: Ports] = [:]
    /// How the leg of the callee is secured, and with it that of the caller.
    let encryption: MediaLegEncryption
    let certificates: RelayCertificates?
    /// What is agreed of keys, by stream, where the relay secures its legs.
    private(set) var keying: [Int: StreamKeying] = [:]
    /// What is agreed of ICE, by stream.
    private(set) var ice: [Int: StreamICE] = [:]
    /// The streams that go over the transport of another, by both ends' will.
    private var riders: [Int: Int] = [:]
    /// The streams that go by the transport of another on one side alone, and that side.
    private var split: (streams: [Int: Int], side: RelaySide) = ([:], .caller)
    /// The identification tags by which each end has named the streams.
    private(set) var names: [RelaySide: [ByteString?]] = [:]
    private(set) var offers: [OfferKey: RelayedOffer] = [:]

    private var lastSerial = 0

    /// Offers of a dialog that are kept: the one that is open each way (RFC 3264 §4), and past ones since their answer may come
    /// again in a repeated 2xx (RFC 3261 §13.3.1.4). Beyond it the oldest is forgotten.
    static let offerLimit = 8
    /// Tags of a callee that are kept while none has answered with 2xx; the answers of further ones in provisional responses are not
    /// followed (RFC 3261 §12.1).
    static let tagLimit = 32

    init(
        context: UInt64, branch: Int, bridge: MediaBridge, local: [RelaySide: TransportAddress],
        told: [RelaySide: ConnectionAddress], signalling: [RelaySide: TransportAddress],
        browsers: [RelaySide: Bool], encryption: MediaLegEncryption, certificates: RelayCertificates?
    ) {
        self.context = context
        self.branch = branch
        self.bridge = bridge
        self.local = local
        self.told = told
        self.signalling = signalling
        self.browsers = browsers
        self.encryption = encryption
        self.certificates = certificates
    }

    /// Takes note of the tag that an answerer has.
    mutating func note(tag: [UInt8], confirms: Bool) {
        guard !tag.isEmpty, !isConfirmed else { return }
        if confirms {
            isConfirmed = true
            tags = [tag]
        } else if !tags.contains(tag), tags.count < Self.tagLimit {
            tags.append(tag)
        }
    }

    // MARK: Offers and answers

    /// Takes an offer; one of a response that comes again means the same (RFC 3261 §13.3.1.4).
    ///
    /// - Returns: what the other side is told; nil when it is to be told the same.
    mutating func offer(
        _ description: SessionDescription, from side: RelaySide, _ key: OfferKey, isLate: Bool, _ relay: MediaRelay
    ) throws(Refusal) -> SessionDescription? {
        guard !isOurs(description) else { return nil }
        if let before = offers[key]?.late, isLate, before.said == description { return before.told }
        guard description.media.count <= relay.configuration.streamLimit else { throw .description }
        var lines = lines(of: description, from: side)
        let ice = offeredICE(lines, from: side)
        var bundles = OfferedBundles(description, lines, agreed: riders) { index in
            let isCarried = lines[index].use == .relayed(.rtp) || lines[index].isRelayed && !isSecured
            return isCarried && lines[index].ice != nil && ice[index]?.terms(side.other) != nil
        }
        if isSecured { bundles.part(description, &lines, agreed: split.side == side ? split.streams : [:]) }
        let parted = split.side == side.other ? split.streams.filter { lines.indices.contains($0.key) } : [:]
        let covered = bundles.riders.merging(parted) { $1 }
        var added: [Int] = []
        do throws(SocketError) {
            for (index, line) in lines.enumerated() {
                guard case .relayed(let kind) = line.use, bundles.riders[index] == nil, ports[index]?.kind != kind
                else { continue }
                let shared = sharing(line, ice[index], from: side)
                let tagged = bundles.split[index].map { (side, ports[$0]?[side] ?? 0) }
                try open(index, kind, isVideo: description.media[index].media == "video", shared, tagged, relay)
                added.append(index)
                // What begins may be heard before the answer has come (RFC 3264 §5.1).
                bridge.signal(line.remote.with(ice[index]?.terms(side)), of: side, index)
                bridge.signal(
                    LegRemote(signalling: signalling[side.other]).with(ice[index]?.terms(side.other)), of: side.other,
                    index)
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
        var offer = RelayedOffer(side: side, lines: lines, added: added, serial: lastSerial)
        offer.ice = ice
        offer.bundles = bundles
        var result = anchored(description, lines, facing: side.other, covered)
        names[side] = description.media.map(\.identification)
        if bundles.passed.isEmpty {
            result?.unbundle()
            // Browsers may want a group, and one of one is as good as none.
            let first = lines.indices.first { ice[$0]?.terms(side.other) != nil }
            if let first, browsers[side.other] ?? false || !parted.isEmpty {
                bundle(&result, first, parted, facing: side.other)
            }
        }
        do throws(MediaSecurityError) {
            try keyOffer(&result, description, &offer, covered)
        } catch {
            close(added)
            throw .security(error)
        }
        check(&result, ice, facing: side.other, covered)
        if isLate { offer.late = (description, result) }
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
        let riders = offer.bundles.riders(description, lines) { ports[$0] != nil }
        // What the end that has made the offer bundles, and this one does not, or the other way round.
        let parted = offer.bundles.split.filter { lines.indices.contains($0.key) && lines[$0.key].isRelayed }
        let kept = split.side == side ? split.streams : [:]
        let covered = riders.merging(parted) { $1 }
        var result = anchored(description, lines, facing: offer.side, covered)
        let keyed: [Int: StreamKeying]
        do throws(MediaSecurityError) {
            keyed = try keyAnswer(&result, description, lines, riders, parted, kept, to: offer)
        } catch {
            throw .security(error)
        }
        let ice = answeredICE(lines, to: offer)
        check(&result, ice, facing: offer.side, covered)
        names[side] = description.media.map(\.identification)
        if offer.bundles.passed.isEmpty || description.bundles.isEmpty {
            result?.unbundle()
            for index in offer.bundles.tagged where lines.indices.contains(index) && lines[index].isRelayed {
                bundle(&result, index, parted, facing: offer.side)
            }
        }
        // What is said again after another offer was made means no more than it did.
        guard offer.serial == lastSerial || !offer.answerers.contains(tag) else { return result }
        // Where the INVITE was forked further on, whoever has answered it with 2xx is the one to talk to, and before that who is noted.
        if tags.contains(tag) || tag.isEmpty {
            self.riders = riders
            if !parted.isEmpty || split.side == offer.side { split = (parted, offer.side) }
            for (index, line) in lines.enumerated()
            where offer.lines.indices.contains(index) && riders[index] == nil {
                guard case .relayed = line.use else {
                    if ports[index] != nil { close([index]) }
                    continue
                }
                // A leg that the relay secures shares its port as its own end wants it; else a handshake may lead through both.
                let (one, other) = (offer.lines[index].remote.isMultiplexed, line.remote.isMultiplexed)
                let isKeyed = keyed[index] != nil
                let near = offer.lines[index].remote(isMultiplexed: one && (other || isKeyed))
                let far = line.remote(isMultiplexed: other && (one || isKeyed))
                bridge.signal(near.with(ice[index]?.terms(offer.side)), of: offer.side, index)
                bridge.signal(far.with(ice[index]?.terms(side)), of: side, index)
                self.ice[index] = ice[index]
                bridge.hold(index, offer.lines[index].isHeld || line.isHeld)
                guard let stream = keyed[index] else { continue }
                keying[index] = stream
                // Who goes by the transport of another has its keys, too.
                let rides = parted[index] != nil ? offer.side : kept[index] != nil ? side : nil
                bridge.secure(
                    index, caller: rides == .caller ? .none : stream.keys(.caller),
                    certificates?.context(.caller, encryption),
                    callee: rides == .callee ? .none : stream.keys(.callee),
                    certificates?.context(.callee, encryption))
                if let tagged = parted[index] {
                    bridge.ride(index, on: tagged, of: offer.side, description.media[index].payloadTypes)
                }
            }
            if offer.answerers.count < Self.tagLimit { offers[key]?.answerers.insert(tag) }
        }
        return result
    }

    /// The request has failed: what it has offered does not hold. The streams that it has brought end, and all else is as before
    /// (RFC 3261 §14.1, RFC 6141).
    mutating func withdraw(_ key: OfferKey) {
        guard let offer = offers.removeValue(forKey: key), !offer.isAnswered else { return }
        close(offer.added)
    }

    /// The offer of a response whose answer has not come, for PRACK.
    func lateOffer(_ isFromCaller: Bool) -> OfferKey? {
        offers.first { $0.key.isFromCaller == isFromCaller && $0.value.isLate && !$0.value.isAnswered }?.key
    }

    // MARK: Streams

    private mutating func open(
        _ index: Int, _ kind: RelayedKind, isVideo: Bool, _ shared: Set<RelaySide>,
        _ riding: (side: RelaySide, port: UInt16)?, _ relay: MediaRelay
    ) throws(SocketError) {
        guard let near = local[.caller], let far = local[.callee] else { return }
        func sockets(_ side: RelaySide, _ address: TransportAddress) throws(SocketError) -> RelaySockets {
            if let riding, riding.side == side { return .riding(port: riding.port) }
            guard shared.contains(side) else { return try relay.bind(kind, near: address, isVideo: isVideo) }
            return .shared(try relay.door(of: bridge.home, near: address))
        }
        let caller = try sockets(.caller, near)
        let callee = try sockets(.callee, far)
        ports[index] = Ports(
            kind: kind, caller: caller.port, callee: callee.port, shared: shared.union(riding.map { [$0.side] } ?? []))
        bridge.open(index, kind, caller: caller, callee: callee, isSecured: isSecured && kind == .rtp)
    }

    private mutating func close(_ indices: [Int]) {
        for index in indices {
            ports[index] = nil
            keying[index] = nil
            ice[index] = nil
            bridge.close(index)
        }
    }

    // MARK: Descriptions

    private func lines(of description: SessionDescription, from side: RelaySide) -> [MediaLine] {
        description.media.indices.map { MediaLine(description, $0, signalling: signalling[side]) }
    }

    /// A description as the other side is told it.
    private func anchored(
        _ description: SessionDescription, _ lines: [MediaLine], facing side: RelaySide, _ riders: [Int: Int]
    ) -> SessionDescription? {
        guard let address = told[side] else { return nil }
        var result = description
        let session = result.connection
        for (index, line) in lines.enumerated() {
            switch line.use {
            case .relayed:
                guard let port = ports[riders[index] ?? index]?[side] else { continue }
                result.anchor(index, at: address, port: port, hasChecks: line.ice != nil)
            case .foreign:
                // Its address must not go with that of the session.
                if result.media[index].connection == nil { result.media[index].connection = session }
            case .disabled: if line.isBundleOnly { result.hideWays(index) }
            }
        }
        result.anchorSession(at: address, hasChecks: lines.contains { $0.ice != nil })
        return result
    }
}

extension MediaLine {
    /// Where the writer wants the stream, once it is known whether RTP and RTCP share a port.
    fileprivate func remote(isMultiplexed: Bool) -> LegRemote {
        var remote = remote
        remote.isMultiplexed = isMultiplexed
        remote.control = isMultiplexed ? nil : separateControl
        return remote
    }
}
