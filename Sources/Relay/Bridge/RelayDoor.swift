import ICE
import Reactor
import Synchronization

/// A port of a media lane that all its ends with a part in ICE share, one for each local address: a call takes no port by itself, and
/// a firewall has few to let in.
///
/// A check is for the leg that has told the fragment in its USERNAME (RFC 8445 §7.2.2), all else for the leg that a check from the
/// same address was for. An address belongs to one leg at a time: who has proven it first keeps it while it is being checked.
final class RelayDoor: DatagramHandler, @unchecked Sendable {
    // Proof of Sendable: the address is constant and the code point atomic; all else is touched on the media lane only.

    /// The address that ends are told, if none is advertised in its place.
    let localAddress: TransportAddress
    private let codePoint: Atomic<Int>
    private var bound: BoundDatagramSocket?
    private(set) var socket: DatagramSocket?
    private var fragments: [[UInt8]: RelayLeg] = [:]
    private var sources: [TransportAddress: RelayLeg] = [:]
    /// Datagrams that were for no leg.
    private(set) var strangers: UInt64 = 0

    init(_ bound: BoundDatagramSocket) {
        localAddress = bound.localAddress
        codePoint = Atomic(bound.configuration.codePoint)
        self.bound = bound
    }

    /// Opens the socket; on the lane, before any leg needs it.
    func open(on lane: Lane) {
        guard let bound else { return }
        self.bound = nil
        socket = try? lane.open(bound, handler: self)
    }

    /// Has all that leaves by the port carry a code point of differentiated services from now on; from any thread.
    ///
    /// - Parameter lane: that of the port.
    func mark(_ codePoint: Int, on lane: Lane) {
        guard self.codePoint.exchange(codePoint, ordering: .relaxed) != codePoint else { return }
        lane.execute { [self] _ in socket?.mark(codePoint) }
    }

    /// Legs and addresses that are known; on the lane.
    var load: (fragments: Int, sources: Int) { (fragments.count, sources.count) }

    // MARK: Legs

    /// Has a leg be the one that some fragments were told by, in place of those before.
    func name(_ leg: RelayLeg, _ names: [[UInt8]], before: [[UInt8]]) {
        for name in before where !names.contains(name) && fragments[name] === leg { fragments[name] = nil }
        // They are random: no two are the same but by a wonder, and then the first has it.
        for name in names where fragments[name] == nil { fragments[name] = leg }
    }

    /// Has a leg be the one that sends from some addresses, in place of those before.
    ///
    /// - Returns: those of them that no other leg has.
    func claim(_ addresses: [TransportAddress], before: [TransportAddress], for leg: RelayLeg) -> [TransportAddress] {
        for address in before where !addresses.contains(address) && sources[address] === leg { sources[address] = nil }
        return addresses.filter { address in
            if let owner = sources[address] { return owner === leg }
            sources[address] = leg
            return true
        }
    }

    // MARK: Datagrams

    func received(_ batch: borrowing DatagramBatch, on socket: DatagramSocket) {
        let now = socket.lane.turnTime
        for index in 0..<batch.count {
            guard let datagram = batch[index] else { continue }
            let leg = RelayLeg.isSTUN(datagram.bytes) ? named(datagram.bytes) : sources[datagram.source]
            guard let leg else {
                strangers &+= 1
                continue
            }
            leg.receiveMedia(datagram, now, on: socket)
        }
    }

    func failed(_ failure: DatagramFailure, on socket: DatagramSocket) {}

    /// The leg that a check is for.
    private func named(_ bytes: UnsafeRawBufferPointer) -> RelayLeg? {
        LiteResponder.fragment(of: RawSpan(_unsafeBytes: bytes)).flatMap { fragments[$0] }
    }
}
