import TestKit

/// Two phones by baresip, alice and bob of `example.test`, that are registered over a transport.
struct BaresipPair {
    let alice: BaresipPeer
    let bob: BaresipPeer

    /// Registers both.
    ///
    /// - Parameter authorities: a file of certificates that they believe, for TLS.
    static func start(
        at proxy: String, over transport: BaresipOptions.Transport, authorities: String? = nil, in peers: Peers
    ) async throws -> BaresipPair {
        func phone(_ user: String) async throws -> BaresipPeer {
            var options = BaresipOptions(user: user)
            options.domain = "example.test"
            options.proxy = proxy
            options.transport = transport
            options.authorities = authorities
            let phone = try await BaresipPeer.start(options, in: peers)
            try await phone.registered()
            return phone
        }
        return BaresipPair(alice: try await phone("alice"), bob: try await phone("bob"))
    }

    /// Alice calls Bob twice; each of them ends one call.
    func callTwice() async throws {
        for endsAtCaller in [true, false] {
            let before = (alice: alice.events.last, bob: bob.events.last)
            try await alice.dial("sip:bob@example.test")
            try await alice.event(.established, after: before.alice)
            try await bob.event(.established, after: before.bob)
            try await (endsAtCaller ? alice : bob).hangUp()
            try await alice.event(.closed, after: before.alice)
            try await bob.event(.closed, after: before.bob)
        }
    }
}
