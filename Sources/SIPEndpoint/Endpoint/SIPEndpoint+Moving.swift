public import Reactor
import SIP

// Another address of this machine.
extension SIPEndpoint {
    /// Moves all listeners of an endpoint with one lane to another address of this machine. Connections of before are closed, as
    /// what leads from the old address leads nowhere any more; requests that wait for a response on them fail.
    ///
    /// - Parameters:
    ///   - address: the address to bind; port 0 lets the kernel choose. Its port is that of all listeners.
    ///   - arrival: run on the lane as soon as the listeners are there, before any connection is closed.
    /// - Returns: the address of the first listener.
    /// - Throws: `SocketError` when a listener for datagrams cannot be bound; all is as before then.
    public func move(
        to address: TransportAddress, _ arrival: @escaping @Sendable () -> Void
    ) async throws(SocketError) -> TransportAddress {
        precondition(lanes.count == 1, "an endpoint of one lane moves")
        let lane = lanes[0]
        var moved: [Listener] = []
        var sockets: [BoundDatagramSocket?] = []
        for listener in configuration.listeners where !listener.transport.isReliable {
            sockets.append(try BoundDatagramSocket.bind(address, configuration.socket))
        }
        sockets.reverse()
        var bound: [BoundDatagramSocket?] = []
        for (index, listener) in configuration.listeners.enumerated() {
            guard listener.transport.isReliable, let streams else {
                let socket = sockets.removeLast()
                bound.append(socket)
                moved.append(
                    Listener(listener.transport, socket?.localAddress ?? address, advertised: listener.advertised))
                continue
            }
            var own = listener
            own.address = address
            // Nothing may fail any more.
            own.isOptional = true
            bound.append(nil)
            moved.append(try await streams.open(own, index, beside: moved.first))
        }
        let abandoned = streams?.abandonConnections() ?? []
        let (opened, there) = (bound, moved)
        try await lane.lane.run { (_) throws(SocketError) in
            for (index, listener) in there.enumerated() { try lane.relocate(index, to: listener, opened[index]) }
            arrival()
        }
        for connection in abandoned { connection.close() }
        return moved[0].address
    }
}
