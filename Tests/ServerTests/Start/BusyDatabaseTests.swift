import Dispatch
import GRDB
import Reactor
import SIP
import SIPEndpoint
import Testing
import UserAgent

@testable import Server
@testable import Store

/// What the path of a request needs is in memory: users, nonces, bindings. The data base is followed behind it, and never asked.
@Suite(.timeLimit(.minutes(1))) struct BusyDatabaseTests {
    /// Has every access to a data base wait, reads as well as writes, until the semaphore is signalled.
    private func hold(_ database: Store.Database, until release: DispatchSemaphore) async {
        await withCheckedContinuation { held in
            DispatchQueue.global().async {
                try? database.pool.barrierWriteWithoutTransaction { _ in
                    held.resume()
                    release.wait()
                }
            }
        }
    }

    @Test func noRequestWaitsForIt() async throws {
        try await withServer { server, port in
            let proxy = TransportAddress.loopback(port: port)
            let bob = try await phone("bob", proxy: proxy)
            let release = DispatchSemaphore(value: 0)
            await hold(try #require(server.database), until: release)
            defer { release.signal() }
            // Nobody has asked for the secret of alice before, or for her binding.
            let alice = try await phone("alice", proxy: proxy)
            async let answered = bob.invitations.first { _ in true }?.answer()
            let call = try await alice.call("bob")
            let other = try #require(try await answered)
            await call.hangUp()
            #expect(await other.ended().status == 200)
            let stranger = try RawPhone(server: port)
            let refused = try await stranger.ask(
                stranger.request("INVITE", "sip:nobody@localhost", from: "sip:a@elsewhere.test"))
            #expect(refused.status == 404)
            for phone in [alice, bob] { await phone.shutDown() }
        }
    }
}
