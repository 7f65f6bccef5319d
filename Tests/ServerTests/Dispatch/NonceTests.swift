import Foundation
import Reactor
import SIPEndpoint
import TestKit
import Testing

@testable import Server

/// Nonces over lanes, restarts and reloads (RFC 7616 §3.3, §3.4, §5.5).
@Suite struct NonceTests {
    private static let uri = "sip:localhost"
    private static let alice = "sip:alice@localhost"

    /// Credentials of alice for a nonce that the server has just made.
    private func credentials(_ phone: RawPhone, password: String = "secret of alice") async throws -> String {
        let challenge = try await phone.ask(phone.request("REGISTER", Self.uri, from: Self.alice, to: Self.alice))
        #expect(challenge.status == 401)
        return try challenge.answer("WWW-Authenticate", "alice", password, method: "REGISTER", uri: Self.uri)
    }

    private func register(_ phone: RawPhone, _ credentials: String) -> String {
        phone.request(
            "REGISTER", Self.uri, from: Self.alice, to: Self.alice, headers: ["Authorization: \(credentials)"])
    }

    private func isStale(_ answer: RawMessage) -> Bool {
        answer.status == 401 && answer.values("WWW-Authenticate").allSatisfy { $0.hasSuffix(",stale=true") }
    }

    /// One nonce count sent in many calls, which have their lanes by their Call-IDs: one is taken, whichever lane has it.
    @Test func aCountIsTakenOnceOnAllLanes() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            let credentials = try await credentials(phone)
            let copies = 32
            for _ in 0..<copies { phone.send(register(phone, credentials)) }
            var answers: [RawMessage] = []
            while answers.count < copies { answers.append(try await phone.next()) }
            #expect(answers.count { $0.status == 200 } == 1)
            #expect(answers.count { isStale($0) } == copies - 1)
            let counted = await server.statistics().authentication
            #expect(counted["accepted"] == 1)
            #expect(counted["replayed"] == UInt64(copies - 1))
            var replayed: [UInt64] = []
            for (lane, dispatcher) in zip(server.endpoint.lanes, server.dispatchers) {
                replayed.append(await lane.lane.run { _ in dispatcher.credentials.replayed })
            }
            #expect(replayed.count == 2 && replayed.allSatisfy { $0 > 0 }, "\(replayed)")
        }
    }

    /// A REGISTER whose answer was lost comes again, byte for byte: it is answered as before (RFC 3261 §17.2.2). With anything
    /// changed, or from elsewhere, it is a replay.
    @Test func aRequestThatIsSentAgainIsNoReplay() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            let request = register(phone, try await credentials(phone))
            let answers = [try await phone.ask(request), try await phone.ask(request), try await phone.ask(request)]
            #expect(answers.map(\.status) == [200, 200, 200])
            #expect(Set(answers.map { $0.values("Contact").count }).count == 1)
            let moved = request.replacing("Max-Forwards: 70", with: "Max-Forwards: 69")
            #expect(moved != request)
            #expect(isStale(try await phone.ask(moved)))
            let stranger = try RawPhone(server: port)
            // It is answered where its Via says.
            stranger.send(request)
            #expect(isStale(try await phone.next()))
            #expect(try await phone.ask(request).status == 200)
            let counted = await server.statistics().authentication
            #expect((counted["accepted"], counted["replayed"]) == (1, 2))
        }
    }

    /// After a restart right credentials are stale and not wrong, though their nonce and count are new to the server.
    @Test func nonceOfTheLastRunIsStale() async throws {
        let folder = try TemporaryFolder("nonces")
        let phone = try await withServer(folder: folder) { _, port in
            let phone = try RawPhone(server: port)
            return (right: try await credentials(phone), wrong: try await credentials(phone, password: "another"))
        }
        try await withServer(folder: folder, users: []) { server, port in
            let again = try RawPhone(server: port)
            let answer = try await again.ask(register(again, phone.right))
            #expect(isStale(answer))
            let refused = try await again.ask(register(again, phone.wrong))
            #expect(refused.status == 401 && !isStale(refused))
            let counted = await server.statistics().authentication
            #expect(counted["stale"] == 1)
            #expect(counted["refused"] == 1)
            // What the challenge asks for is taken.
            let credentials = try answer.answer(
                "WWW-Authenticate", "alice", "secret of alice", method: "REGISTER", uri: Self.uri)
            #expect(try await again.ask(register(again, credentials)).status == 200)
        }
    }

    /// Reading the configuration again leaves nonces good, and used counts used.
    @Test func reloadsForgetNothing() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            let (used, fresh) = (try await credentials(phone), try await credentials(phone))
            #expect(try await phone.ask(register(phone, used)).status == 200)
            var changed = server.configuration
            changed.authentication.nonceLifetime = .seconds(200)
            #expect(await !server.reload(changed).reloadable.isEmpty)
            #expect(try await phone.ask(register(phone, fresh)).status == 200)
            #expect(isStale(try await phone.ask(register(phone, used))))
            #expect(await server.statistics().authentication["replayed"] == 1)
        }
    }
}
