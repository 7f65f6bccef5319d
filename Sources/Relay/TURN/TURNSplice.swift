import Reactor
import Synchronization

/// The connection of a peer and, once it is bound, that of the client (RFC 6062 §5.4, §5.5): what comes by one goes out by the other,
/// on the threads of streams.
///
/// Where one side does not read, nothing more is read from the other: of each way there wait at most ``mostWaiting`` octets, and what
/// was read at once before, some 256 kB.
final class TURNSplice: Sendable {
    /// Octets that wait for one side before the other is held back: 64 kB. It goes on at half of them.
    static let mostWaiting = 65_536

    /// The number of the peer's connection.
    let id: UInt32
    let peer: StreamConnection
    private let state = Mutex(State())

    private struct State {
        var client: StreamConnection?
        /// One side has ended, and the other is yet to get what that has said.
        var isFinishing = false
    }

    init(_ id: UInt32, _ peer: StreamConnection) {
        self.id = id
        self.peer = peer
    }

    /// The connection of the client.
    var client: StreamConnection? { state.withLock { $0.client } }

    func bind(_ client: StreamConnection) { state.withLock { $0.client = client } }

    func fromClient(_ octets: [[UInt8]]) {
        if let client { pass(octets, from: client, to: peer) }
    }

    func fromPeer(_ octets: [[UInt8]]) {
        // Nothing is read before, but what came within the moment of its being held.
        guard let client else { return close() }
        pass(octets, from: peer, to: client)
    }

    private func pass(_ octets: [[UInt8]], from source: StreamConnection, to destination: StreamConnection) {
        guard destination.send(octets) else { return source.close() }
        guard destination.waitingBytes > Self.mostWaiting else { return }
        source.hold()
        if !destination.askDrained(to: Self.mostWaiting / 2) { source.resume() }
    }

    /// One side has room again.
    func drained(_ connection: StreamConnection) {
        guard !state.withLock({ $0.isFinishing }) else { return finish(connection) }
        if connection === peer { client?.resume() } else { peer.resume() }
    }

    /// One side has ended: both are closed when the other has got all.
    func ended(_ connection: StreamConnection) {
        state.withLock { $0.isFinishing = true }
        guard let client else { return close() }
        finish(connection === peer ? client : peer)
    }

    private func finish(_ last: StreamConnection) {
        if !last.askDrained(to: 0) { close() }
    }

    /// Closes both when what they were given is sent.
    func close() {
        peer.close()
        // One that is held back would not hear its peer's farewell.
        peer.resume()
        guard let client else { return }
        client.close()
        client.resume()
    }
}
