import Media
import Reactor
import SIP
import TestKit
import Testing

@testable import UserAgent

/// What is over leaves nothing behind: calls that have ended, and user agents that were shut down.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LetGoTests {
    private func uri(_ user: String, _ agent: UserAgent) -> String { "sip:\(user)@\(agent.localAddress)" }

    private func watch(_ agent: UserAgent, _ name: String, by leaks: LeakWatch) {
        leaks.watch(agent, name)
        leaks.watch(agent.core, "the core of \(name)")
        leaks.watch(agent.surroundings.lane, "the signalling lane of \(name)")
        leaks.watch(agent.mediaLane, "the media lane of \(name)")
    }

    private func watch(_ call: Call, _ name: String, by leaks: LeakWatch) async {
        leaks.watch(call, name)
        if let media = call.media { leaks.watch(media, "the media of \(name)") }
        let leg = call.leg
        await call.surroundings.lane.run { _ in leaks.watch(leg.value, "the leg of \(name)") }
    }

    /// An agent that answers all calls, and hands them to the test.
    private func answering(_ agent: UserAgent) -> Task<Call?, any Error> {
        Task {
            for await invitation in agent.invitations { return try await invitation.answer(with: .tone(.sine(440))) }
            return nil
        }
    }

    @Test(arguments: [MediaEncryption.Mode.off, .require])
    func callsThatHaveEnded(_ mode: MediaEncryption.Mode) async throws {
        let leaks = LeakWatch()
        // Legs wait for what may be repeated: 64·T1.
        let timers = TransactionTimers(t1: .milliseconds(10), t2: .milliseconds(80), t4: .milliseconds(80))
        let alice = try await phone("alice", encryption: MediaEncryption(mode, by: .dtls), ice: ICEPolicy(.full)) {
            $0.timers = timers
        }
        let bob = try await phone("bob", encryption: MediaEncryption(mode, by: .dtls), ice: ICEPolicy(.full)) {
            $0.timers = timers
        }
        try await { () async throws in
            let answered = answering(bob)
            let call = try await alice.call(uri("bob", bob))
            let other = try #require(try await answered.value)
            await watch(call, "the call", by: leaks)
            await watch(other, "the other call", by: leaks)
            await call.hangUp()
            _ = await other.ended()
        }()
        #expect(await leaks.remaining() == [])
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func agentsThatAreShutDown() async throws {
        let leaks = LeakWatch()
        try await { () async throws in
            let alice = try await phone("alice", encryption: MediaEncryption(.offer), ice: ICEPolicy(.full)) {
                $0.serves = [.message]
            }
            let bob = try await phone("bob", encryption: MediaEncryption(.offer), ice: ICEPolicy(.full))
            watch(alice, "alice", by: leaks)
            watch(bob, "bob", by: leaks)
            let answered = answering(bob)
            let call = try await alice.call(uri("bob", bob))
            await watch(call, "the call", by: leaks)
            let other = try #require(try await answered.value)
            await watch(other, "the other call", by: leaks)
            let serving = Task { for await request in alice.requests { request.respond(200) } }
            try await bob.send(.message("Hello", to: uri("alice", alice)))
            // The call is up yet.
            await alice.shutDown()
            await bob.shutDown()
            await serving.value
        }()
        #expect(await leaks.remaining() == [])
    }

    @Test func agentsWhoseCallsNobodyAnswers() async throws {
        let leaks = LeakWatch()
        let silent = try BoundDatagramSocket.bind(.loopback())
        let ending = try await { () async throws in
            let alice = try await phone("alice")
            watch(alice, "alice", by: leaks)
            let call = try await alice.dial("sip:nobody@\(silent.localAddress)")
            await watch(call, "the call", by: leaks)
            let subscribing = Task {
                try await alice.subscribe(to: "sip:nobody@\(silent.localAddress)", .init("presence"))
            }
            let publishing = Task {
                try await alice.publish("presence", MessageContent(), of: "sip:nobody@\(silent.localAddress)")
            }
            let asking = Task { try await alice.refer("sip:nobody@\(silent.localAddress)", to: "sip:carol@localhost") }
            // All are on their way.
            while await alice.core.efforts(on: alice.surroundings.lane) < 3 { await Task.yield() }
            await alice.shutDown()
            await #expect(throws: RequestError.self) { _ = try await subscribing.value }
            await #expect(throws: RequestError.self) { _ = try await publishing.value }
            #expect(try await asking.value == .refused(503, reason: "this side has been stopped"))
            return await call.ended()
        }()
        // It was cancelled when there was time yet.
        #expect(ending.status == 487)
        #expect(ending.side == .local)
        #expect(await leaks.remaining() == [])
    }

    @Test func subscriptionsAndPublicationsThatAreOver() async throws {
        let leaks = LeakWatch()
        let alice = try await phone("alice")
        let bob = try await phone("bob") { $0.serves = [.publish] }
        let watchers = await bob.serve("presence") { _ in .allow(MessageContent(type: "text/plain", text: "here")) }
        let serving = Task {
            for await request in bob.requests {
                let isMine = request.message[.from]?.contains("alice") ?? false
                let fields = [MessageContent.Field(.sipETag, "1"), .init(.expires, "600")]
                request.respond(isMine && request.message.body != Array("no".utf8) ? 200 : 403, MessageContent(fields))
            }
        }
        try await { () async throws in
            let subscription = try await alice.subscribe(to: uri("bob", bob), .init("presence"))
            leaks.watch(subscription, "the subscription")
            var arrivals = watchers.makeAsyncIterator()
            let watcher = try #require(await arrivals.next())
            leaks.watch(watcher, "the watcher")
            let publication = try await alice.publish(
                "presence", MessageContent(type: "text/plain", text: "yes"), of: uri("bob", bob))
            leaks.watch(publication, "the publication")
            #expect(await alice.core.efforts(on: alice.surroundings.lane) == 2)
            subscription.end()
            for await _ in subscription.events {}
            await watcher.ended()
            await publication.remove()
        }()
        #expect(await leaks.remaining() == [])
        // One that was refused is not tried again.
        await #expect(throws: RequestError.self) {
            _ = try await alice.publish(
                "presence", MessageContent(type: "text/plain", text: "no"), of: uri("bob", bob))
        }
        #expect(await alice.core.efforts(on: alice.surroundings.lane) == 0)
        await alice.shutDown()
        await bob.shutDown()
        await serving.value
    }

    @Test func aPublicationIsRemovedThoughItsAgentIsGone() async throws {
        let bob = try await phone("bob") { $0.serves = [.publish] }
        let serving = Task {
            for await request in bob.requests {
                request.respond(200, MessageContent([.init(.sipETag, "1"), .init(.expires, "600")]))
            }
        }
        let alice = try await phone("alice")
        let publication = try await alice.publish("presence", MessageContent(), of: uri("bob", bob))
        await alice.shutDown()
        await publication.remove()
        await bob.shutDown()
        await serving.value
    }

    @Test func aCallIsOfUseToWhoeverHasItThough() async throws {
        let bob = try await phone("bob")
        let answered = answering(bob)
        let call = try await { () async throws in
            let alice = try await phone("alice")
            let call = try await alice.call(uri("bob", bob))
            await alice.shutDown()
            return call
        }()
        #expect(await call.ended().status == 200)
        await call.hangUp()
        call.send(digits: "1")
        await #expect(throws: CallError.self) { try await call.hold() }
        await #expect(throws: RequestError.self) { try await call.send(.message) }
        #expect(await call.statistics() != nil)
        _ = try await answered.value
        await bob.shutDown()
    }

    @Test func anAgentThatCannotRegisterLeavesNothing() async throws {
        let registrar = try await phone("registrar") { $0.serves = [.register] }
        let refusing = Task { for await request in registrar.requests { request.respond(403) } }
        let leaks = LeakWatch()
        var options = UserAgent.Options(address: .loopback())
        options.makeMedia = { lane in
            leaks.watch(lane, "the media lane")
            return AudioProvider(lane: lane, ports: 16_384...32_767, codecs: [.pcmu])
        }
        let account = try Account("sip:alice@127.0.0.1", proxy: "sip:\(registrar.localAddress)")
        await #expect(throws: RegistrationError.self) { _ = try await UserAgent(account: account, options: options) }
        #expect(await leaks.remaining() == [])
        await registrar.shutDown()
        await refusing.value
    }
}

extension PhoneCore {
    /// Subscriptions, publications and referrals that go on.
    fileprivate func efforts(on lane: Lane) async -> Int { await lane.run { _ in self.agent.effortCount } }
}
