import ICE
import Media
import RTP
import Reactor
import SRTP

/// One side of a relayed stream, on its media lane: the sockets that face an end, and what is known of that end.
///
/// What comes from the end is passed on by the sockets of the leg across, from the memory where it was received and with a system
/// call of its own: nothing is copied, allocated or counted in references. Where a leg is secured it is copied, opened and closed in
/// memory of the send batch, and nothing is allocated either.
final class RelayLeg: DatagramHandler {
    /// The tags of the sockets.
    private static let mediaTag: UInt64 = 0
    private static let controlTag: UInt64 = 1

    private let kind: RelayedKind
    @exclusivity(unchecked) var media: DatagramSocket? {
        didSet { mediaSocket = media.map(Unmanaged.passUnretained) }
    }
    @exclusivity(unchecked) var control: DatagramSocket? {
        didSet { controlSocket = control.map(Unmanaged.passUnretained) }
    }
    // What packets reach without counting references: the leg holds it, and nothing that is done for a packet lets it go.
    @exclusivity(unchecked) private var mediaSocket: Unmanaged<DatagramSocket>?
    @exclusivity(unchecked) private var controlSocket: Unmanaged<DatagramSocket>?
    @exclusivity(unchecked) var mediaLatch = RelayLatch()
    @exclusivity(unchecked) var controlLatch = RelayLatch()
    /// Where `media` is the socket that ends with a part in ICE share.
    @exclusivity(unchecked) private(set) var door: RelayDoor?
    /// What the door knows the leg by.
    @exclusivity(unchecked) var names: [[UInt8]] = []
    @exclusivity(unchecked) var claims: [TransportAddress] = []
    /// The leg of the same end by whose transport this one goes, if it has none of its own. It says so before it ends.
    @exclusivity(unchecked) unowned(unsafe) var transport: RelayLeg?
    /// The streams of the end that go by this leg, if there are any but its own.
    @exclusivity(unchecked) var bundle: LegBundle?
    /// The relay's part in ICE, where the end has one.
    @exclusivity(unchecked) var ice: LiteResponder?
    @exclusivity(unchecked) var isMultiplexed = false
    @exclusivity(unchecked) var isConnected = false
    /// The leg across. Both live as long as their stream.
    @exclusivity(unchecked) var peer: Unmanaged<RelayLeg>?
    @exclusivity(unchecked) var counters = RelayCounters()
    /// How the end is secured.
    @exclusivity(unchecked) var security: LegSecurity { didSet { keys = LegKeys(security) } }
    /// The same as packets reach it.
    @exclusivity(unchecked) private var keys: LegKeys
    @exclusivity(unchecked) var handshake: MediaHandshake?
    /// The last records of DTLS that came to each port before the answer had told of the handshake: an end that begins it does so as soon
    /// as it has answered (RFC 5763 §5), and would begin anew after a second only.
    @exclusivity(unchecked) var early: [(record: [UInt8], source: TransportAddress, onControlPort: Bool)] = []
    let onInsecurity: @Sendable (MediaSecurityError) -> Void
    /// What keys of descriptions have protected, by the relay's own, the last used at the end: one that comes back goes on where it stood,
    /// as when one of several who ring answers after another was heard.
    @exclusivity(unchecked) var described: [(local: MasterKey, protection: StreamProtection)] = []
    /// Whether neither this leg nor the one across is secured by the relay.
    @exclusivity(unchecked) var isTransparent: Bool
    /// When something has come from the end, on the lane's clock in nanoseconds.
    @exclusivity(unchecked) var lastHeard: Int64

    /// - Parameters:
    ///   - isSecured: whether the relay secures the legs of the stream, so that nothing passes before there are keys.
    ///   - now: the time on the lane's clock in nanoseconds.
    ///   - onInsecurity: told, on the media lane, why there are no keys.
    init(
        _ kind: RelayedKind, isSecured: Bool, now: Int64, onInsecurity: @escaping @Sendable (MediaSecurityError) -> Void
    ) {
        self.kind = kind
        self.onInsecurity = onInsecurity
        let security: LegSecurity = isSecured ? .pending : .passed
        self.security = security
        keys = LegKeys(security)
        isTransparent = !isSecured
        lastHeard = now
    }

    /// Opens the sockets.
    func open(_ sockets: RelaySockets, to peer: RelayLeg, on lane: Lane) throws(SocketError) {
        self.peer = Unmanaged.passUnretained(peer)
        switch sockets {
        case .own(let bound, let other):
            media = try lane.open(bound, tag: Self.mediaTag, handler: self)
            if let other { control = try lane.open(other, tag: Self.controlTag, handler: self) }
        case .shared(let door):
            self.door = door
            media = door.socket
        case .riding: break
        }
    }

    func close() {
        handshake?.close()
        sendRecords()
        handshake = nil
        early = []
        if door == nil { media?.close() }
        leaveDoor()
        unbundle()
        control?.close()
        media = nil
        control = nil
        peer = nil
    }

    /// Takes what the end's description says.
    func signal(_ remote: LegRemote) {
        let before = mediaLatch.destination
        isMultiplexed = remote.isMultiplexed
        take(remote.ice)
        mediaLatch.signal(remote.media, signalling: remote.signalling)
        if ice == nil { claimSignalled(remote.media) }
        controlLatch.signal(remote.control, signalling: remote.signalling)
        if mediaLatch.destination != before { disconnect() }
    }

    /// What was counted, and where the last media came from.
    var report: RelayedCall.Leg {
        RelayedCall.Leg(counters: counters, address: mediaLatch.isConfirmed ? mediaLatch.destination : nil)
    }

    // MARK: Datagrams

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = socket.lane.turnTime
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            if socket.tag == Self.controlTag {
                receiveControl(datagram, now, on: socket)
            } else {
                receiveMedia(datagram, now, on: socket)
            }
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    func receiveMedia(_ datagram: Datagram, _ now: Int64, on socket: DatagramSocket) {
        let source: UInt32
        var isControl = false
        switch kind {
        case .datagrams:
            if ice != nil, Self.isSTUN(datagram.bytes) { return takeCheck(datagram, onControlPort: false, on: socket) }
            source = 0
        case .rtp:
            guard let found = Self.source(of: datagram.bytes, &isControl) else {
                return takeCheck(datagram, onControlPort: false, on: socket)
            }
            source = found
        }
        guard isTransparent else {
            return passSecured(datagram, source, isControl: isControl, onControlPort: false, now, on: socket)
        }
        guard mediaLatch.admits(datagram.source, source: source, now: now) else { return counters.refused &+= 1 }
        note(datagram, now)
        peer?._withUnsafeGuaranteedRef { peer in
            if isControl {
                peer.sendControl(datagram.bytes, from: self)
            } else {
                peer.sendMedia(datagram.bytes, from: self)
            }
        }
    }

    private func receiveControl(_ datagram: Datagram, _ now: Int64, on socket: DatagramSocket) {
        var isControl = false
        guard let source = Self.source(of: datagram.bytes, &isControl), isControl || source == 0 else {
            return takeCheck(datagram, onControlPort: true, on: socket)
        }
        guard isTransparent else {
            return passSecured(datagram, source, isControl: isControl, onControlPort: true, now, on: socket)
        }
        guard controlLatch.admits(datagram.source, source: source, now: now) else { return counters.refused &+= 1 }
        note(datagram, now)
        peer?._withUnsafeGuaranteedRef { $0.sendControl(datagram.bytes, from: self) }
    }

    /// The synchronisation source of RTP or RTCP, 0 for a record of DTLS; nil for anything else.
    @inline(__always)
    private static func source(of bytes: UnsafeRawBufferPointer, _ isControl: inout Bool) -> UInt32? {
        guard bytes.count >= 8 else { return nil }
        switch bytes[0] {
        case 128...191:
            if DatagramKind.controlTypes.contains(bytes[1]) {
                isControl = true
                return UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            }
            guard bytes.count >= 12 &+ 4 &* Int(bytes[0] & 15) else { return nil }
            return UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        case 20...63: return bytes.count >= 13 ? 0 : nil
        default: return nil
        }
    }

    @inline(__always)
    private func note(_ datagram: Datagram, _ now: Int64) {
        counters.received &+= 1
        counters.receivedOctets &+= UInt64(datagram.bytes.count)
        lastHeard = now
    }

    @inline(__always)
    private func sendMedia(_ bytes: UnsafeRawBufferPointer, from leg: RelayLeg) {
        guard let mediaSocket, let destination = mediaLatch.destination else { return leg.counters.undirected &+= 1 }
        counters.sent &+= 1
        mediaSocket._withUnsafeGuaranteedRef { $0.sendNow(bytes, to: isConnected ? nil : destination) }
    }

    private func sendControl(_ bytes: UnsafeRawBufferPointer, from leg: RelayLeg) {
        if isMultiplexed { return sendMedia(bytes, from: leg) }
        guard let controlSocket, let destination = controlLatch.destination else {
            return leg.counters.undirected &+= 1
        }
        counters.sent &+= 1
        controlSocket._withUnsafeGuaranteedRef { $0.sendNow(bytes, to: destination) }
    }

    // MARK: Encryption

    /// Octets that securing a packet may add: a tag of 16 at most, with RTCP an index of 4, and the identifier of a key (RFC 3711 §3.1,
    /// §3.4; RFC 7714 §8, §9). Keys of the relay have no identifier.
    private static let tagRoom = 64

    /// Passes a packet on where either leg is secured: it is opened, and closed for the other end, in room of the send batch, and leaves
    /// at once, since the next one has another socket. Whoever does not have the keys of a secured end is not taken for it.
    private func passSecured(
        _ datagram: Datagram, _ source: UInt32, isControl: Bool, onControlPort: Bool, _ now: Int64,
        on arrival: DatagramSocket
    ) {
        // RFC 5764 §5.1.2.
        if datagram.bytes[0] < 128 {
            return receiveRecord(datagram, onControlPort: onControlPort, at: arrival.lane.now)
        }
        let rider = bundle == nil ? nil : bundle?.leg(datagram.bytes[1], source: source, isControl: isControl)?.peer
        (rider ?? peer)?._withUnsafeGuaranteedRef { across in
            if let transport = across.transport {
                pass(
                    datagram, source, isControl: isControl, onControlPort: onControlPort, now, to: transport)
            } else {
                pass(datagram, source, isControl: isControl, onControlPort: onControlPort, now, to: across)
            }
        }
    }

    @inline(__always)
    private func pass(
        _ datagram: Datagram, _ source: UInt32, isControl: Bool, onControlPort: Bool, _ now: Int64, to peer: RelayLeg
    ) {
        guard let socket = peer.socket(isControl: isControl) else { return counters.undirected &+= 1 }
        socket._withUnsafeGuaranteedRef { socket in
            pass(datagram, source, isControl: isControl, onControlPort: onControlPort, now, to: peer, by: socket)
        }
    }

    @inline(__always)
    private func pass(
        _ datagram: Datagram, _ source: UInt32, isControl: Bool, onControlPort: Bool, _ now: Int64, to peer: RelayLeg,
        by socket: DatagramSocket
    ) {
        let count = datagram.bytes.count
        let room = socket.reserve(count &+ Self.tagRoom)
        guard room.count >= count &+ Self.tagRoom else { return counters.malformed &+= 1 }
        room.copyMemory(from: datagram.bytes)
        guard
            let opened = keys.open(
                UnsafeMutableRawBufferPointer(rebasing: room[..<count]), isControl: isControl, at: socket.lane.now)
        else { return counters.unproven &+= 1 }
        let isAdmitted =
            onControlPort
            ? controlLatch.admits(datagram.source, source: source, now: now)
            : mediaLatch.admits(datagram.source, source: source, now: now)
        guard isAdmitted else { return counters.refused &+= 1 }
        note(datagram, now)
        guard let destination = peer.destination(isControl: isControl),
            let closed = peer.keys.close(room, length: opened, isControl: isControl)
        else { return counters.undirected &+= 1 }
        peer.counters.sent &+= 1
        socket.sendNow(
            UnsafeRawBufferPointer(rebasing: room[..<closed]),
            to: socket.tag == Self.mediaTag && peer.isConnected ? nil : destination)
    }

    /// Where a packet for the end leaves.
    private func socket(isControl: Bool) -> Unmanaged<DatagramSocket>? {
        isControl && !isMultiplexed ? controlSocket : mediaSocket
    }

    /// Where it goes to.
    private func destination(isControl: Bool) -> TransportAddress? {
        isControl && !isMultiplexed ? controlLatch.destination : mediaLatch.destination
    }

    // MARK: Connected sockets

    /// Looks after the socket of RTP: an end that is heard has its socket connected, so that the kernel keeps strangers out and sends
    /// faster; when it falls silent the socket takes what comes from elsewhere again, since a NAT may have changed its mapping.
    func sweep(at now: Int64) {
        guard let media else { return }
        if ice != nil { return expireChecks(at: now) }
        guard door == nil, let destination = mediaLatch.destination else { return }
        if mediaLatch.isHeard(at: now) {
            guard !isConnected else { return }
            isConnected = (try? media.connect(to: destination)) != nil
        } else {
            disconnect()
        }
    }

    func disconnect() {
        guard isConnected else { return }
        isConnected = false
        try? media?.connect(to: nil)
    }
}
