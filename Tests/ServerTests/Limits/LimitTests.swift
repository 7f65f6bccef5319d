import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing
import UserAgent

@testable import Server

/// Limits of users and sources at the running server.
@Suite(.timeLimit(.minutes(1))) struct LimitTests {
    private static let uri = "sip:localhost"

    /// A user with a wrong password is put off; others at the same address are not.
    @Test func wrongPasswordsArePutOff() async throws {
        try await withServer({ $0.limits.userAttempts = 4 }) { server, port in
            let phone = try RawPhone(server: port)
            var last = try await phone.register("alice", password: "wrong")
            #expect(last.status == 401)
            last = try await phone.register("alice", password: "wrong")
            #expect(last.status == 401)
            last = try await phone.register("alice", password: "secret of alice")
            #expect(last.status == 500)
            let seconds = try #require(last.values("Retry-After").first.flatMap { Int($0) })
            #expect((1...15).contains(seconds))
            #expect(try await phone.register("bob", password: "secret of bob").status == 200)
            #expect(await server.statistics().refused["userAttempts"] == 1)
        }
    }

    /// A source that has used up its attempts hears nothing more, but for the users who are known there.
    @Test func strangersToASourceAreDropped() async throws {
        try await withServer({ $0.limits.sourceAttempts = 4 }) { server, port in
            let phone = try RawPhone(server: port)
            #expect(try await phone.register("alice", password: "secret of alice").status == 200)
            for user in ["x", "y"] { #expect(try await phone.register(user, password: "guessed").status == 401) }
            phone.send(phone.request("REGISTER", Self.uri, from: "sip:bob@localhost", to: "sip:bob@localhost"))
            while await server.statistics().refused["sourceAttempts"] != 1 { await Task.yield() }
            #expect(try await phone.register("alice", password: "secret of alice").status == 200)
        }
    }

    @Test func aUserSendsSoManyRequests() async throws {
        try await withServer({ $0.limits.userRequests = 1 }) { server, port in
            let phone = try RawPhone(server: port)
            for _ in 0..<10 {
                #expect(try await phone.register("alice", password: "secret of alice").status == 200)
            }
            // The bucket has filled a little meanwhile, by one each second.
            var answer = try await phone.register("alice", password: "secret of alice")
            for _ in 0..<10 where answer.status == 200 {
                answer = try await phone.register("alice", password: "secret of alice")
            }
            #expect(answer.status == 500)
            #expect(answer.values("Retry-After") == ["1"])
            #expect(try await phone.register("bob", password: "secret of bob").status == 200)
            #expect((await server.statistics().refused["userRequests"] ?? 0) >= 1)
        }
    }

    /// Who proves nothing is held to the limit of the source; users there are not.
    @Test func strangersOfASourceSendSoManyRequests() async throws {
        try await withServer({
            $0.limits.strangerRequests = 1
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
        }) { server, port in
            let phone = try RawPhone(server: port)
            for _ in 0..<10 {
                let request = phone.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test")
                #expect(try await phone.ask(request).status == 480)
            }
            // The bucket has filled a little meanwhile, by one each second.
            let connection = try RawConnection(server: server.listeners[1].address.port)
            var last = 480
            var answer: RawMessage?
            for _ in 0..<10 where last == 480 {
                connection.send(
                    phone.request("MESSAGE", "sip:bob@localhost", from: "sip:b@elsewhere.test").replacing(
                        "SIP/2.0/UDP", with: "SIP/2.0/TCP"))
                answer = try await connection.next()
                last = answer?.status ?? 0
            }
            #expect(last == 500)
            #expect(answer?.values("Retry-After") == ["1"])
            let refused = await server.statistics().refused["strangerRequests"] ?? 0
            #expect(refused >= 1)
            #expect(try await phone.register("alice", password: "secret of alice").status == 200)
            // A listener's own answer takes nothing from the limit.
            let options = phone.request("OPTIONS", "sip:localhost", from: "sip:a@elsewhere.test")
            #expect(try await phone.ask(options).status == 200)
        }
    }

    /// A connection counts among those of strangers at its address until its user has authenticated by it.
    @Test func usersAreNoStrangersToTheirAddress() async throws {
        try await withServer({
            $0.tcp.connectionsPerSource = 1
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
        }) { server, _ in
            let port = server.listeners[1].address.port
            var users: [RawConnection] = []
            for user in ["alice", "bob"] {
                let connection = try RawConnection(server: port)
                connection.send(connection.register(user))
                let challenge = try await connection.next()
                #expect(challenge.status == 401)
                #expect(try await RawConnection(server: port).nextBytes(1).isEmpty)
                let credentials = try challenge.answer(
                    "WWW-Authenticate", user, "secret of \(user)", method: "REGISTER", uri: Self.uri)
                connection.send(connection.register(user, cSeq: 2, headers: ["Authorization: \(credentials)"]))
                #expect(try await connection.next().status == 200)
                users.append(connection)
            }
            #expect(await server.statistics().connections["refused"] == 2)
            #expect(await server.statistics().connections["open"] == 2)
            #expect(users.count == 2)
        }
    }

    /// A second call is refused until the first has ended, however it ends.
    @Test func aUserHasSoManyCalls() async throws {
        try await withServer({ $0.limits.userCalls = 1 }) { server, _ in
            let proxy = server.listeners[0].address
            let alice = try await phone("alice", proxy: proxy)
            let bob = try await phone("bob", proxy: proxy)
            let calls = Task {
                var count = 0
                for await invitation in bob.invitations {
                    count += 1
                    if count == 1 { invitation.reject(486) } else { _ = try await invitation.answer(with: .silence) }
                }
            }
            await #expect(throws: CallError.self) { try await alice.call("sip:bob@localhost") }
            let first = try await alice.call("sip:bob@localhost")
            await #expect(throws: CallError.self) { try await alice.call("sip:bob@localhost") }
            #expect(await server.statistics().refused["userCalls"] == 1)
            await first.hangUp()
            // The BYE is for another lane than the next call may be.
            while server.limiter.calls.total > 0 { await Task.yield() }
            let second = try await alice.call("sip:bob@localhost")
            await second.hangUp()
            while server.limiter.calls.total > 0 { await Task.yield() }
            calls.cancel()
            await alice.shutDown()
            await bob.shutDown()
        }
    }
}
