import Media
import Reactor
import SRTP

// How the end is secured: by keys of descriptions, or of a handshake.
extension RelayLeg {
    /// Keys of descriptions that are remembered: an offer has one for each cipher, and no more than these can come back.
    private static let describedLimit = MediaEncryption.defaultProfiles.count

    /// Goes on with what was agreed on the keys of the end.
    ///
    /// - Parameter context: proves the relay in a handshake.
    func secure(_ keys: MediaKeys, _ context: DTLSContext?, on lane: Lane) {
        defer { early = [] }
        switch keys {
        case .none:
            handshake = nil
            security = .clear
        case .described(let keys):
            handshake = nil
            do throws(SRTPError) {
                let protection = try protection(keys, at: lane.now)
                security = .secured(media: protection, control: protection)
            } catch {
                security = .pending
                onInsecurity(.keys(error))
            }
        case .association(let terms):
            if let handshake, handshake.terms == terms {
                return handshake.move(to: mediaLatch.destination, controlLatch.destination)
            }
            // What the former keys protect passes until there are new ones; what was in the clear does not.
            if case .secured = security {} else { security = .pending }
            guard let context else { return onInsecurity(.handshake(.cryptography)) }
            do throws(DTLSError) {
                handshake = try MediaHandshake(
                    terms, context, isMultiplexed: isMultiplexed, mediaLatch.destination, controlLatch.destination,
                    at: lane.now)
            } catch {
                return onInsecurity(.handshake(error))
            }
            for (record, source, onControlPort) in early {
                record.withUnsafeBytes { handshake?.receive($0, from: source, isControl: onControlPort) }
            }
            advance(at: lane.now)
        }
    }

    /// What keys of descriptions protect, which goes on where the relay's own was used before: no index is used twice (RFC 3711 §9.1).
    private func protection(
        _ keys: DescribedKeys, at now: ContinuousClock.Instant
    ) throws(SRTPError) -> StreamProtection {
        let place = described.firstIndex { $0.local == keys.local } ?? described.indices.last
        let made = try StreamProtection(
            keys.profile, local: keys.local, remote: keys.remote, after: place.map { described[$0].protection }, at: now
        )
        described.removeAll { $0.local == keys.local }
        if described.count >= Self.describedLimit { described.removeFirst() }
        described.append((keys.local, made))
        return made
    }

    /// Says whether anything of the stream is secured here; of both legs after either was.
    func noteSecurity() {
        guard let peer else { return }
        let across = peer.takeUnretainedValue()
        // What goes by the transport of another is led there on the way of secured packets.
        isTransparent =
            security.isTransparent && across.security.isTransparent && bundle == nil && across.transport == nil
    }

    /// Whether a handshake goes on, so that time matters.
    var isHandshaking: Bool { handshake?.isUnderWay ?? false }

    /// Whether its handshake is over and has given no keys. One that is agreed on again, as by a repeated answer, is not begun again.
    var hasFailed: Bool {
        guard let handshake, !handshake.isUnderWay else { return false }
        if case .secured = security { return false }
        return true
    }

    /// Repeats what nobody has answered in time.
    func passTime(at now: ContinuousClock.Instant) {
        guard let handshake, handshake.isUnderWay else { return }
        handshake.passTime(at: now)
        advance(at: now)
    }

    /// Sends what the handshake has to say.
    func sendRecords() {
        while let (datagram, destination, isControl) = handshake?.next() {
            let socket = isControl ? control : media
            datagram.withUnsafeBytes { socket?.sendNow($0, to: isConnected && !isControl ? nil : destination) }
        }
    }

    /// Goes on with a handshake, and takes its keys when it is done.
    private func advance(at now: ContinuousClock.Instant) {
        guard let handshake else { return }
        sendRecords()
        switch handshake.outcome(at: now) {
        case nil: break
        case .failure(let error): onInsecurity(.handshake(error))
        case .success(let keys):
            do throws(SRTPError) {
                try take(keys, at: now)
            } catch {
                // Keys of a handshake fit their profile: OpenSSL has no memory for them. Nothing passes.
                security = .pending
                onInsecurity(.keys(error))
            }
        }
    }

    private func take(_ keys: MediaHandshake.Keys, at now: ContinuousClock.Instant) throws(SRTPError) {
        var earlier: (media: StreamProtection?, control: StreamProtection?)
        if case .secured(let media, let control) = security { earlier = (media, control) }
        let media = try StreamProtection(
            keys.media.profile, local: keys.media.local, remote: [keys.media.remote], after: earlier.media, at: now)
        guard let apart = keys.control else { return security = .secured(media: media, control: media) }
        let control = try StreamProtection(
            apart.profile, local: apart.local, remote: [apart.remote], after: earlier.control, at: now)
        security = .secured(media: media, control: control)
    }

    /// Takes a record of DTLS, of which a stranger's are none of the end's.
    func receiveRecord(_ datagram: Datagram, onControlPort: Bool, at now: ContinuousClock.Instant) {
        let isExpected =
            onControlPort ? controlLatch.expects(datagram.source) : mediaLatch.expects(datagram.source)
        guard isExpected else { return counters.refused &+= 1 }
        guard let handshake else {
            guard case .pending = security else { return counters.malformed &+= 1 }
            early.removeAll { $0.onControlPort == onControlPort }
            return early.append((Array(datagram.bytes), datagram.source, onControlPort))
        }
        handshake.receive(datagram.bytes, from: datagram.source, isControl: onControlPort)
        advance(at: now)
    }
}
