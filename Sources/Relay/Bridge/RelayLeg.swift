import RTP
import Reactor

/// One side of a relayed stream, on its media lane: the sockets that face an end, and what is known of that end.
///
/// What comes from the end is passed on by the sockets of the leg across, from the memory where it was received and with a system
/// call of its own: nothing is copied, allocated or counted in references.
final class RelayLeg: DatagramHandler {
    /// The tags of the sockets.
    private static let mediaTag: UInt64 = 0
    private static let controlTag: UInt64 = 1

    private let kind: RelayedKind
    @exclusivity(unchecked) private var media: DatagramSocket?
    @exclusivity(unchecked) private var control: DatagramSocket?
    @exclusivity(unchecked) private var mediaLatch = RelayLatch()
    @exclusivity(unchecked) private var controlLatch = RelayLatch()
    @exclusivity(unchecked) private var isMultiplexed = false
    @exclusivity(unchecked) private var isConnected = false
    /// The leg across. Both live as long as their stream.
    @exclusivity(unchecked) unowned(unsafe) private var peer: RelayLeg?
    @exclusivity(unchecked) private(set) var counters = RelayCounters()
    /// When something has come from the end, on the lane's clock in nanoseconds.
    @exclusivity(unchecked) private(set) var lastHeard: Int64

    /// - Parameter now: the time on the lane's clock in nanoseconds.
    init(_ kind: RelayedKind, now: Int64) {
        self.kind = kind
        lastHeard = now
    }

    /// Opens the sockets.
    func open(_ sockets: RelaySockets, to peer: RelayLeg, on lane: Lane) throws(SocketError) {
        self.peer = peer
        media = try lane.open(sockets.media, tag: Self.mediaTag, handler: self)
        if let bound = sockets.control { control = try lane.open(bound, tag: Self.controlTag, handler: self) }
    }

    func close() {
        media?.close()
        control?.close()
        media = nil
        control = nil
        peer = nil
    }

    /// Takes what the end's description says.
    func signal(_ remote: LegRemote) {
        let before = mediaLatch.destination
        isMultiplexed = remote.isMultiplexed
        mediaLatch.signal(remote.media, signalling: remote.signalling)
        controlLatch.signal(remote.control, signalling: remote.signalling)
        if mediaLatch.destination != before { disconnect() }
    }

    // MARK: Datagrams

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = socket.lane.turnTime
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            if socket.tag == Self.controlTag {
                receiveControl(datagram, now)
            } else {
                receiveMedia(datagram, now)
            }
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    private func receiveMedia(_ datagram: Datagram, _ now: Int64) {
        let source: UInt32
        var isControl = false
        switch kind {
        case .datagrams: source = 0
        case .rtp:
            guard let found = Self.source(of: datagram.bytes, &isControl) else { return counters.malformed &+= 1 }
            source = found
        }
        guard mediaLatch.admits(datagram.source, source: source, now: now) else { return counters.refused &+= 1 }
        note(datagram, now)
        guard let peer else { return }
        if isControl {
            peer.sendControl(datagram.bytes, from: self)
        } else {
            peer.sendMedia(datagram.bytes, from: self)
        }
    }

    private func receiveControl(_ datagram: Datagram, _ now: Int64) {
        var isControl = false
        guard let source = Self.source(of: datagram.bytes, &isControl), isControl || source == 0 else {
            return counters.malformed &+= 1
        }
        guard controlLatch.admits(datagram.source, source: source, now: now) else { return counters.refused &+= 1 }
        note(datagram, now)
        peer?.sendControl(datagram.bytes, from: self)
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
        guard let media, let destination = mediaLatch.destination else { return leg.counters.undirected &+= 1 }
        counters.sent &+= 1
        media.sendNow(bytes, to: isConnected ? nil : destination)
    }

    private func sendControl(_ bytes: UnsafeRawBufferPointer, from leg: RelayLeg) {
        if isMultiplexed { return sendMedia(bytes, from: leg) }
        guard let control, let destination = controlLatch.destination else { return leg.counters.undirected &+= 1 }
        counters.sent &+= 1
        control.sendNow(bytes, to: destination)
    }

    // MARK: Connected sockets

    /// Looks after the socket of RTP: an end that is heard has its socket connected, so that the kernel keeps strangers out and sends
    /// faster; when it falls silent the socket takes what comes from elsewhere again, since a NAT may have changed its mapping.
    func sweep(at now: Int64) {
        guard let media, let destination = mediaLatch.destination else { return }
        if mediaLatch.isHeard(at: now) {
            guard !isConnected else { return }
            isConnected = (try? media.connect(to: destination)) != nil
        } else {
            disconnect()
        }
    }

    private func disconnect() {
        guard isConnected else { return }
        isConnected = false
        try? media?.connect(to: nil)
    }
}
