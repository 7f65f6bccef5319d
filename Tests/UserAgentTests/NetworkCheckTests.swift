import Reactor
import SIP
import Synchronization
import Testing

@testable import UserAgent

/// What a user agent does when the way to its proxy begins elsewhere, on real sockets with routes that the test makes.
@Suite(.serialized) struct NetworkCheckTests {
    /// The routes of a machine that moves about.
    private final class Routes: Sendable {
        private let host: Mutex<String?>

        init(_ host: String?) { self.host = Mutex(host) }

        func lead(from host: String?) { self.host.withLock { $0 = host } }

        func find(_ port: UInt16) -> TransportAddress? {
            host.withLock { $0 }.flatMap { TransportAddress(host: $0, port: port) }
        }
    }

    private func agent(_ routes: Routes, _ change: (inout UserAgent.Options) -> Void = { _ in }) async throws
        -> UserAgent
    {
        try await phone("alice") { options in
            options.networkCheck = nil
            options.findAddress = { _, port in routes.find(port) }
            change(&options)
        }
    }

    @Test func anotherAddressIsMovedTo() async throws {
        let routes = Routes("127.0.0.2")
        let alice = try await agent(routes)
        #expect(alice.localAddress.host == "127.0.0.2")
        routes.lead(from: "127.0.0.3")
        await alice.checkNetwork()
        #expect(alice.localAddress.host == "127.0.0.3")
        routes.lead(from: "127.0.0.4")
        try await alice.networkChanged()
        #expect(alice.localAddress.host == "127.0.0.4")
        var changes = alice.addressChanges.makeAsyncIterator()
        #expect(await changes.next()?.host == "127.0.0.3")
        #expect(await changes.next()?.host == "127.0.0.4")
        await alice.shutDown()
        #expect(await changes.next() == nil)
    }

    @Test func whereNothingHasChangedNothingIsDone() async throws {
        let routes = Routes("127.0.0.2")
        let alice = try await agent(routes)
        let before = alice.localAddress
        for _ in 0..<3 { await alice.checkNetwork() }
        #expect(alice.localAddress == before)
        await alice.shutDown()
        var changes = alice.addressChanges.makeAsyncIterator()
        #expect(await changes.next() == nil)
    }

    /// A while without any network strands the agent nowhere.
    @Test(arguments: ["127.0.0.2", "127.0.0.3"]) func withoutANetworkItStaysWhereItIs(after: String) async throws {
        let routes = Routes("127.0.0.2")
        let alice = try await agent(routes)
        let before = alice.localAddress
        routes.lead(from: nil)
        await alice.checkNetwork()
        try await alice.networkChanged()
        #expect(alice.localAddress == before)
        routes.lead(from: after)
        await alice.checkNetwork()
        #expect(alice.localAddress.host == after)
        await alice.shutDown()
    }

    /// Started without a network it is bound to loopback, which it leaves as soon as there is one.
    @Test func startedWithoutANetworkItFindsTheOneThatComes() async throws {
        let outward = TransportAddress.route(to: "192.0.2.1", family: .ipv4)
        let routes = Routes(nil)
        let alice = try await agent(routes)
        #expect(alice.localAddress.isLoopback)
        // Where this machine itself has no network its second loopback address must do.
        let there = outward.isWildcard ? "127.0.0.2" : outward.host
        routes.lead(from: there)
        await alice.checkNetwork()
        #expect(alice.localAddress.host == there)
        routes.lead(from: "127.0.0.1")
        await alice.checkNetwork()
        #expect(alice.localAddress.isLoopback)
        await alice.shutDown()
    }

    /// It looks by itself.
    @Test func itIsNoticed() async throws {
        let routes = Routes("127.0.0.2")
        let alice = try await agent(routes) { $0.networkCheck = .milliseconds(10) }
        routes.lead(from: "127.0.0.3")
        var changes = alice.addressChanges.makeAsyncIterator()
        #expect(await changes.next()?.host == "127.0.0.3")
        await alice.shutDown()
    }
}
