public import Reactor
import SIP
import SIPEndpoint
import Synchronization

// Another network: another address of this machine.
extension UserAgent {
    /// This machine may have moved to another network: the agent binds the address from which the proxy is reached now, registers
    /// with a new Contact, and tells the far sides of its calls and subscriptions, which go on. It notices by itself too, unless
    /// told otherwise (``Options/networkCheck``). While there is no network at all it stays where it is.
    ///
    /// An `Account` is a plain value, which any number of agents may have: it is the agent that has an address.
    ///
    /// - Throws: `SocketError` when the new address cannot be bound; all is as before then.
    public func networkChanged() async throws(SocketError) {
        var address = options.address
        if address == nil { address = await findAddress(port: localAddress.port) }
        if let address { try await move(to: address) }
    }

    /// The address from which the proxy is reached now; nil without a network.
    private func findAddress(port: UInt16) async -> TransportAddress? {
        let uri = account.proxy ?? account.uri
        if let find = options.findAddress { return await find(uri, port) }
        return await TransportAddress.wayOut(toReach: uri, port: port, resolver: HostResolver(options.names))
    }

    /// The agent is reached at another address of this machine.
    ///
    /// - Parameter address: the address to bind; port 0 lets the kernel choose.
    /// - Throws: `SocketError` when it cannot be bound; all is as before then.
    public func move(to address: TransportAddress) async throws(SocketError) {
        let current = localAddress
        let core = core
        guard !address.hasSameHost(as: current) || address.port != current.port && address.port != 0 else {
            // The address is the same, and what is in front of it is not: everybody is told all the same.
            return await endpoint.lanes[0].lane.run { _ in core.relocate() }
        }
        let bound = try await endpoint.move(to: address) { core.relocate() }
        self.address.withLock { $0 = bound }
        addressChangesEnd.yield(bound)
    }

    /// Looks from time to time whether the way to the proxy begins at another address.
    func watchNetwork() {
        guard options.address == nil, let interval = options.networkCheck else { return }
        core.networkWatch = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: interval)
                guard let self, !Task.isCancelled else { return }
                await checkNetwork()
            }
        }
    }

    /// Moves when the way to the proxy begins at another address than the agent has, be that loopback, to which it was bound while
    /// there was no network. Without one nobody can be told.
    func checkNetwork() async {
        guard let found = await findAddress(port: 0), !found.hasSameHost(as: localAddress) else { return }
        try? await move(to: found)
    }
}
