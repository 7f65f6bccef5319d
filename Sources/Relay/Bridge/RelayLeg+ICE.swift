import ICE
import Media
import Reactor

// An end with a part in ICE is where its checks prove it to be, and wants its media where it says by them (RFC 8445 §12.1).
extension RelayLeg {
    /// The components of a stream (RFC 8445 §4): RTP, or what has no RTCP, and RTCP.
    private static let mediaComponent = 1
    private static let controlComponent = 2

    /// Whether a datagram is one of STUN by its first octet (RFC 7983 §7).
    @inline(__always)
    static func isSTUN(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.count >= 20 && bytes[0] < 4 }

    /// Takes what the end's description says of ICE.
    func take(_ terms: LegICE?) {
        guard let terms else {
            guard ice != nil else { return }
            ice = nil
            identify()
            mediaLatch.believeAddresses()
            controlLatch.believeAddresses()
            return
        }
        if ice == nil {
            ice = LiteResponder(terms.local, remoteFragment: terms.remoteFragment, .crypto)
            disconnect()
        } else {
            _ = ice?.renew(terms.local, remoteFragment: terms.remoteFragment)
        }
        identify()
        follow()
    }

    // MARK: The shared port

    /// Has the door know the leg by what the end was told.
    private func identify() {
        guard let door else { return }
        let now = ice?.fragments ?? []
        door.name(self, now, before: names)
        names = now
    }

    /// An end without a part in ICE behind the shared port: it was offered that and did not want it. It is found where its description
    /// says, and nowhere else.
    func claimSignalled(_ address: TransportAddress?) {
        guard let door else { return }
        claims = door.claim([address].compactMap { $0 }, before: claims, for: self)
    }

    /// Has the door forget the leg.
    func leaveDoor() {
        door?.name(self, [], before: names)
        _ = door?.claim([], before: claims, for: self)
        (names, claims) = ([], [])
    }

    /// Takes what is neither RTP, RTCP nor DTLS: a check, or nothing.
    @inline(never)
    func takeCheck(_ datagram: Datagram, onControlPort: Bool, on socket: DatagramSocket) {
        guard ice != nil, Self.isSTUN(datagram.bytes) else { return counters.malformed &+= 1 }
        let outcome = ice?.receive(
            RawSpan(_unsafeBytes: datagram.bytes),
            component: onControlPort ? Self.controlComponent : Self.mediaComponent,
            from: STUNAddress(datagram.source), Self.instant(socket.lane.turnTime))
        guard let outcome else { return }
        switch outcome.drop {
        case .foreign: counters.malformed &+= 1
        case .forged: counters.unproven &+= 1
        case .excess: counters.refused &+= 1
        case nil:
            counters.checks &+= 1
            lastHeard = socket.lane.turnTime
        }
        if let answer = outcome.answer {
            answer.withUnsafeBytes { socket.sendNow($0, to: datagram.source) }
        }
        if outcome.isChange { follow() }
    }

    /// The instant that the lane's time in nanoseconds stands for; of any lane, since only differences count.
    private static func instant(_ now: Int64) -> ContinuousClock.Instant { epoch + .nanoseconds(now) }
    private static let epoch = ContinuousClock.now

    /// Lets go what the end has not checked for long.
    func expireChecks(at now: Int64) {
        guard ice?.expire(Self.instant(now)) == true else { return }
        let before = mediaLatch.destination
        follow()
        if before != nil, mediaLatch.destination == nil { counters.lapsed &+= 1 }
    }

    /// Believes what was proven, and sends where the end wants it.
    private func follow() {
        guard let ice else { return }
        // One who is yet to answer may do so without ICE, and be heard before that (RFC 3264 §5.1).
        guard ice.isAnswered || mediaLatch.demandsProof || controlLatch.demandsProof || ice.hasProof else { return }
        for (component, isControl) in [(Self.mediaComponent, false), (Self.controlComponent, true)] {
            var proven = ice.proven(component).map(TransportAddress.init)
            var selected = ice.selected(component).map(TransportAddress.init)
            if let door, !isControl {
                // What another leg has proven is not this one's.
                claims = door.claim(proven, before: claims, for: self)
                proven = claims
                if let wanted = selected, !claims.contains(wanted) { selected = nil }
            }
            if isControl {
                controlLatch.believe(proven, selected: selected)
            } else {
                mediaLatch.believe(proven, selected: selected)
            }
        }
        identify()
        handshake?.move(to: mediaLatch.destination, controlLatch.destination)
    }
}
