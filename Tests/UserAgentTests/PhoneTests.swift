import Media
import Reactor
import SIP
import Synchronization
import TestKit
import Testing
import UserAgent

/// The faces of the SDK on real sockets.
@Suite(.serialized) struct PhoneTests {
    private func uri(_ user: String, _ agent: UserAgent) -> String { "sip:\(user)@\(agent.localAddress)" }

    private func answer(_ agent: UserAgent, _ count: Int = 1, audio: AudioEnds = .silence) -> Task<[Call], any Error> {
        Task {
            var calls: [Call] = []
            for await invitation in agent.invitations {
                calls.append(try await invitation.answer(with: audio))
                if calls.count == count { break }
            }
            return calls
        }
    }

    /// The next event that is wanted; those before it are passed over.
    private func next(_ call: Call, where isWanted: (Call.Event) -> Bool = { _ in true }) async -> Call.Event? {
        for await event in call.events where isWanted(event) { return event }
        return nil
    }

    @Test func theFarSideIsHeardBeforeItAnswers() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let heard = SoundRecorder()
        let ringing = Task { () -> Invitation? in
            for await invitation in bob.invitations {
                invitation.ring(playing: .tone(.sine(440)))
                return invitation
            }
            return nil
        }
        let call = try await alice.dial(uri("bob", bob), audio: AudioEnds(source: { nil }, sink: { heard }))
        #expect((await next(call, where: { $0 == .earlyMedia })) == .earlyMedia)
        await heard.heard(8_000)
        #expect(heard.samples.contains { abs(Int($0)) > 1_000 })
        let invitation = try #require(await ringing.value)
        try await invitation.answer()
        #expect((await next(call)) == .answered)
        await call.hangUp()
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func holdAndResume() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let heard = SoundRecorder()
        let answering = answer(bob, audio: AudioEnds(source: { nil }, sink: { heard }))
        let call = try await alice.call(uri("bob", bob))
        let answered = try #require(try await answering.value.first)
        try await call.hold(playing: .tone(.sine(440)))
        #expect(call.isHeld)
        #expect((await next(answered, where: { $0 == .held(true) })) == .held(true))
        // Music while it is held.
        await heard.heard(heard.samples.count + 8_000)
        #expect(heard.samples.suffix(4_000).contains { abs(Int($0)) > 1_000 })
        try await call.resume()
        #expect(!call.isHeld)
        #expect((await next(answered, where: { $0 == .held(false) })) == .held(false))
        await call.hangUp()
        await #expect(throws: CallError.self) { try await call.hold() }
        await alice.shutDown()
        await bob.shutDown()
    }

    /// What was agreed is the codec that was offered, and what is said is heard by it.
    @Test func anotherCodecIsAgreedOn() async throws {
        let answers = Mutex<[String]>([])
        let alice = try await phone("alice") { options in
            options.trace = { message in
                guard message.startLine == "SIP/2.0 200 OK", let answer = try? Message(message.bytes),
                    let media = String(decoding: answer.body, as: UTF8.self).split(separator: "\r\n").first(where: {
                        $0.hasPrefix("m=audio")
                    })
                else { return }
                answers.withLock { $0.append(String(media.split(separator: " ").dropFirst(3).joined(separator: " "))) }
            }
        }
        let bob = try await phone("bob")
        let heard = SoundRecorder()
        let answering = answer(bob, audio: AudioEnds(source: { nil }, sink: { heard }))
        let call = try await alice.call(uri("bob", bob), audio: .tone(.sine(440)))
        _ = try await answering.value
        try await call.renegotiate(codecs: [.pcma])
        // PCMU, PCMA, keys at first; then what was offered alone.
        let agreed = answers.withLock { $0 }
        #expect(agreed.count == 2)
        #expect(agreed.first?.hasPrefix("0") == true)
        #expect(agreed.last?.split(separator: " ").first == "8")
        #expect(agreed.last?.split(separator: " ").contains("0") == false)
        await heard.heard(heard.samples.count + 16_000)
        #expect(heard.samples.suffix(4_000).contains { abs(Int($0)) > 1_000 })
        await call.hangUp()
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func aBlindTransferMovesTheFarSide() async throws {
        let (alice, bob, carol) = (try await phone("alice"), try await phone("bob"), try await phone("carol"))
        let answering = answer(bob)
        let answeringThere = Task { () -> Invitation? in
            for await invitation in carol.invitations {
                try await invitation.answer()
                return invitation
            }
            return nil
        }
        let call = try await alice.call(uri("bob", bob))
        let transferred = try #require(try await answering.value.first)
        #expect(try await call.transfer(to: uri("carol", carol)) == .succeeded)
        #expect(await call.ended().side == .local)
        var events = transferred.events.makeAsyncIterator()
        var successor: Call?
        while let event = await events.next() { if case .transferred(let call) = event { successor = call } }
        let second = try #require(successor)
        try await second.answered()
        let there = try #require(try await answeringThere.value)
        // RFC 3892 §2.2: who is called hears who has brought the call about.
        #expect(there.request[.referredBy] == "<sip:alice@127.0.0.1>")
        #expect(there.caller?.uri.user == "bob")
        await there.call.hangUp()
        #expect(await second.ended().side == .remote)
        for agent in [alice, bob, carol] { await agent.shutDown() }
    }

    @Test func whatBecomesOfTransfersThatFail() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let unwilling = try await phone("dave") { $0.referrals = .refuse }
        let carol = try await phone("carol")
        let answering = answer(bob)
        let call = try await alice.call(uri("bob", bob))
        _ = try await answering.value
        let busy = Task { for await invitation in carol.invitations { return invitation.reject(486) } }
        #expect(try await call.transfer(to: uri("carol", carol)) == .failed(486, reason: "Busy Here"))
        await busy.value
        await #expect(throws: MessageDefect.self) { try await call.transfer(to: "tel:1") }
        await call.hangUp()
        #expect(try await call.transfer(to: uri("carol", carol)) == .refused(481, reason: "The call is over"))
        let answeringThere = answer(unwilling)
        let other = try await alice.call(uri("dave", unwilling))
        _ = try await answeringThere.value
        #expect(try await other.transfer(to: uri("carol", carol)) == .refused(405, reason: "Method Not Allowed"))
        await other.hangUp()
        for agent in [alice, bob, carol, unwilling] { await agent.shutDown() }
    }

    @Test func anAttendedTransferJoinsTheTwoOthers() async throws {
        let (alice, bob, carol) = (try await phone("alice"), try await phone("bob"), try await phone("carol"))
        let answering = answer(bob)
        let answeringThere = answer(carol)
        let first = try await alice.call(uri("bob", bob))
        let second = try await alice.call(uri("carol", carol))
        let (atBob, atCarol) = (
            try #require(try await answering.value.first), try #require(try await answeringThere.value.first)
        )
        #expect(await first.transfer(to: second) == .succeeded)
        var events = atCarol.events.makeAsyncIterator()
        var replacement: Call?
        while let event = await events.next() { if case .replaced(let call) = event { replacement = call } }
        let held = try #require(replacement)
        try await held.answered()
        #expect(await second.ended().status == 200)
        #expect(await atBob.ended().side == .remote)
        await held.hangUp()
        for agent in [alice, bob, carol] { await agent.shutDown() }
    }

    @Test func aReferralOutsideOfCallsIsAskedAbout() async throws {
        let bob = try await phone("bob") { $0.referrals = .ask }
        let carol = try await phone("carol")
        let answering = answer(carol)
        let alice = try await phone("alice")
        // Click to dial (RFC 5359 §2.18): Bob is asked to call Carol.
        let asked = Task { () -> Call? in
            for await referral in bob.referrals { return try await referral.accept() }
            return nil
        }
        let outcome = try await alice.refer(uri("bob", bob), to: uri("carol", carol))
        #expect(outcome == .succeeded)
        let call = try #require(try await asked.value)
        _ = try await answering.value
        await call.hangUp()
        for agent in [alice, bob, carol] { await agent.shutDown() }
    }

    // MARK: Events and requests

    @Test func aSubscriptionHearsOfChanges() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob")
        let watchers = await bob.serve("test", types: ["text/plain"]) { _ in
            .allow(MessageContent(type: "text/plain", text: "first"))
        }
        let serving = Task { () -> Watcher? in
            for await watcher in watchers { return watcher }; return nil
        }
        let subscription = try await alice.subscribe(to: uri("bob", bob), .init("test", types: ["text/plain"]))
        let watcher = try #require(await serving.value)
        #expect(watcher.subscriber?.uri.user == "alice")
        var events = subscription.events.makeAsyncIterator()
        var states: [String] = []
        while states.count < 2, let event = await events.next() {
            guard case .notified(let message) = event else { continue }
            states.append(String(decoding: message.body, as: UTF8.self))
            watcher.notify(MessageContent(type: "text/plain", text: "second"))
        }
        #expect(states == ["first", "second"])
        subscription.end()
        await watcher.ended()
        await #expect(throws: RequestError.self) { try await alice.subscribe(to: uri("bob", bob), .init("other")) }
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func messagesAreServed() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob") { $0.serves = [.message] }
        let serving = Task { () -> String? in
            for await request in bob.requests {
                request.respond(200, MessageContent([.init("X-Answer", "yes")]))
                #expect(!request.isInDialog && request.call == nil)
                return String(decoding: request.message.body, as: UTF8.self)
            }
            return nil
        }
        let answer = try await alice.send(.message("こんにちは", to: uri("bob", bob)))
        #expect(answer["X-Answer"] == "yes")
        #expect(await serving.value == "こんにちは")
        do {
            try await bob.send(.message("no", to: uri("alice", alice)))
            Issue.record("a phone that serves no MESSAGE took one")
        } catch let error as RequestError {
            #expect(error.status == 405)
            #expect(error.response?.allow?.contains(.invite) == true)
        }
        await alice.shutDown()
        await bob.shutDown()
    }

    @Test func statesArePublished() async throws {
        let alice = try await phone("alice")
        let server = try await phone("server") { $0.serves = [.publish] }
        let table = Mutex(EventStateTable())
        let serving = Task {
            var count = 0
            for await request in server.requests {
                count += 1
                let tag = "tag\(count)"
                let outcome = table.withLock { table in
                    request.message.withView {
                        table.publish($0, to: .init("alice", package: "presence"), entityTag: tag, at: .now)
                    }
                }
                guard case .accepted(let tag, let expires, _) = outcome else { return request.respond(500) }
                request.respond(
                    200, MessageContent([.init(.sipETag, tag), .init(.expires, "\(expires.components.seconds)")]))
            }
        }
        let publication = try await alice.publish(
            "presence", MessageContent(type: "text/plain", text: "open"), of: uri("alice", server))
        #expect(table.withLock { $0.count } == 1)
        var events = publication.events.makeAsyncIterator()
        guard case .published? = await events.next() else {
            Issue.record("what was published is told")
            return
        }
        publication.modify(MessageContent(type: "text/plain", text: "closed"))
        guard case .published? = await events.next() else {
            Issue.record("what was modified is told")
            return
        }
        let states = table.withLock { $0.states(of: .init("alice", package: "presence"), at: .now) }
        #expect(states.map { String(decoding: $0.body, as: UTF8.self) } == ["closed"])
        await publication.remove()
        #expect(table.withLock { $0.count } == 0)
        await alice.shutDown()
        await server.shutDown()
        await serving.value
    }

    @Test func anInfoOfAPackageIsSentToOneWhoWantsIt() async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob") { $0.infoPackages = ["foo"] }
        let serving = Task { () -> (package: String?, call: Call?) in
            for await request in bob.requests {
                request.respond(200)
                return (request.message[.infoPackage], request.call)
            }
            return (nil, nil)
        }
        let answering = answer(bob)
        let call = try await alice.call(uri("bob", bob))
        let answered = try #require(try await answering.value.first)
        #expect(await call.wantedInfoPackages() == ["foo"])
        try await call.send(info: "foo")
        let served = await serving.value
        #expect(served.package == "foo")
        #expect(served.call == answered)
        do {
            try await call.send(info: "bar")
            Issue.record("an INFO was sent that nobody wants")
        } catch {
            guard case .notWanted(package: "bar", wanted: ["foo"]) = error else { throw error }
            #expect(error.description == "The far side does not want the Info package bar: it wants foo")
        }
        // INFO of the old kind asks nobody.
        try await call.send(.info)
        await call.hangUp()
        do {
            try await call.send(info: "foo")
            Issue.record("an INFO was sent in a call that is over")
        } catch {
            guard case .failed(let cause) = error, cause.status == 481 else { throw error }
        }
        await alice.shutDown()
        await bob.shutDown()
    }

    // MARK: In the middle

    @Test func aRelayedCallTalksPastTheMiddle() async throws {
        let (alice, middle, bob) = (try await phone("alice"), try await phone("middle"), try await phone("bob"))
        let heard = SoundRecorder()
        let answering = answer(bob, audio: .tone(.sine(440)))
        let target = uri("bob", bob)
        let relaying = Task { () -> (Call, Call)? in
            for await invitation in middle.invitations {
                let onward = try await middle.dial(target, relaying: invitation, as: invitation.caller)
                try await onward.answered()
                return (try await invitation.answer(), onward)
            }
            return nil
        }
        let call = try await alice.call(uri("bob", middle), audio: AudioEnds(source: { nil }, sink: { heard }))
        let (incoming, outgoing) = try #require(try await relaying.value)
        let answered = try #require(try await answering.value.first)
        await heard.heard(8_000)
        #expect(heard.samples.contains { abs(Int($0)) > 1_000 })
        let counted = [await incoming.statistics(), await outgoing.statistics()]
        #expect(counted.allSatisfy { $0 == nil })
        // Keys by INFO do not go past the middle by themselves.
        call.send(digits: "4", by: .info)
        #expect(await answered.digits.first { _ in true } == "4")
        answered.send(digits: "2", by: .info)
        #expect(await call.digits.first { _ in true } == "2")
        await call.hangUp()
        _ = await incoming.ended()
        await outgoing.hangUp()
        for agent in [alice, middle, bob] { await agent.shutDown() }
    }

    // MARK: Another network

    @Test func aCallSurvivesAnotherNetwork() async throws {
        let registrar = try await phone("registrar") { $0.serves = [.register] }
        let bindings = Mutex<[String]>([])
        let serving = Task {
            for await request in registrar.requests {
                let contacts = request.message.values(of: .contact)
                bindings.withLock { $0.append(contacts.joined(separator: ", ")) }
                request.respond(200, MessageContent([.init(.contact, contacts[0]), .init(.expires, "600")]))
            }
        }
        let bob = try await phone("bob")
        let heard = SoundRecorder()
        let answering = answer(bob, audio: AudioEnds(source: { nil }, sink: { heard }))
        var options = UserAgent.Options(address: .loopback())
        options.networkCheck = nil
        let account = try Account("sip:alice@127.0.0.1", proxy: "sip:\(registrar.localAddress)")
        let alice = try await UserAgent(account: account, options: options)
        let before = alice.localAddress
        // The proxy passes nothing on: Bob is called by his own address.
        var direct = UserAgent.Options(address: .loopback())
        direct.registers = false
        let caller = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: direct)
        let call = try await caller.call(uri("bob", bob), audio: .tone(.sine(440)))
        let answered = try #require(try await answering.value.first)
        let there = try #require(TransportAddress("127.0.0.2:0"))
        try await caller.move(to: there)
        #expect(caller.localAddress.hasSameHost(as: there))
        await heard.heard(heard.samples.count + 16_000)
        #expect(heard.samples.suffix(4_000).contains { abs(Int($0)) > 1_000 })
        await answered.hangUp()
        #expect(await call.ended().side == .remote)

        try await alice.move(to: there)
        var events = alice.registrationEvents.makeAsyncIterator()
        for _ in 0..<2 { _ = await events.next() }
        let told = bindings.withLock { $0 }
        #expect(told.last == "<sip:alice@\(alice.localAddress)>, <sip:alice@\(before)>;expires=0")
        for agent in [alice, bob, caller, registrar] { await agent.shutDown() }
        await serving.value
    }
}
