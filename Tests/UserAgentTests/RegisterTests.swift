import Reactor
import SIP
import Synchronization
import Testing

@testable import UserAgent

/// `register()` returns to everybody who has called it, whatever else happens to the registration.
@Suite(.serialized) struct RegisterTests {
    /// An agent of an account at a registrar that the test plays, and that has registered nothing yet.
    private func agent(at registrar: UserAgent) async throws -> UserAgent {
        var options = UserAgent.Options(address: .loopback())
        options.registers = false
        return try await UserAgent(
            account: Account("sip:alice@127.0.0.1", proxy: "sip:\(registrar.localAddress)"), options: options)
    }

    private func registrar() async throws -> UserAgent { try await phone("registrar") { $0.serves = [.register] } }

    private func accept(_ request: ServerRequest) {
        let expires = request.message[.expires] ?? "600"
        request.respond(
            200, MessageContent([.init(.contact, request.message[.contact] ?? ""), .init(.expires, expires)]))
    }

    /// Calls `register()`, and returns when that many wait for the registration.
    private func registering(_ agent: UserAgent, _ count: Int = 1) async -> Task<Void, any Error> {
        let task = Task { try await agent.register() }
        let core = agent.core
        while await agent.surroundings.lane.run({ _ in core.registeringCount }) < count { await Task.yield() }
        return task
    }

    @Test func severalWhoRegisterAllHearOfIt() async throws {
        let registrar = try await registrar()
        let alice = try await agent(at: registrar)
        var requests = registrar.requests.makeAsyncIterator()
        let first = await registering(alice)
        let request = try #require(await requests.next())
        let others = [await registering(alice, 2), await registering(alice, 3)]
        accept(request)
        for task in [first] + others { try await task.value }
        // One who is registered need not wait.
        try await alice.register()
        // Nobody answers the last REGISTER, for which a second is waited.
        await alice.shutDown()
        await registrar.shutDown()
    }

    @Test func whoRegistersWhileTheAgentIsShutDownHearsOfIt() async throws {
        let registrar = try await registrar()
        let alice = try await agent(at: registrar)
        var requests = registrar.requests.makeAsyncIterator()
        let waiting = await registering(alice)
        _ = try #require(await requests.next())
        await alice.shutDown()
        await #expect(throws: RegistrationError(nil, "The user agent has been shut down")) { try await waiting.value }
        await #expect(throws: RegistrationError(nil, "The user agent has been shut down")) {
            try await alice.register()
        }
        await registrar.shutDown()
    }

    @Test func whoRegistersWhileTheBindingIsTakenAwayIsBoundAgain() async throws {
        let registrar = try await registrar()
        let alice = try await agent(at: registrar)
        var requests = registrar.requests.makeAsyncIterator()
        var events = alice.registrationEvents.makeAsyncIterator()
        let first = await registering(alice)
        accept(try #require(await requests.next()))
        try await first.value
        alice.unregister()
        let removal = try #require(await requests.next())
        #expect(removal.message[.expires] == "0")
        let second = await registering(alice)
        let third = await registering(alice, 2)
        accept(removal)
        accept(try #require(await requests.next()))
        try await second.value
        try await third.value
        #expect(await events.next() == .registered(expires: .seconds(3_600)))
        #expect(await events.next() == .unregistered)
        await alice.shutDown()
        await registrar.shutDown()
    }

    @Test func aRefusalIsToldToAll() async throws {
        let registrar = try await registrar()
        let alice = try await agent(at: registrar)
        var requests = registrar.requests.makeAsyncIterator()
        let first = await registering(alice)
        let request = try #require(await requests.next())
        let second = await registering(alice, 2)
        request.respond(403)
        for task in [first, second] {
            await #expect(throws: RegistrationError(403, "the registrar refused: 403 Forbidden")) {
                try await task.value
            }
        }
        await alice.shutDown()
        await registrar.shutDown()
    }
}
