import Reactor
import SIP
import Synchronization
import Testing

@testable import SIPEndpoint
@testable import UserAgent

/// The transports that a phone speaks, on real sockets.
@Suite(.serialized) struct PhoneTransportTests {
    /// RFC 3261 §18.1.1: within 200 bytes of what a path carries, or beyond 1,300, a request goes by TCP where both speak it, and
    /// by UDP after all where nobody accepts.
    @Test(arguments: [true, false]) func whatIsTooLongForADatagramGoesByTCP(isAccepted: Bool) async throws {
        let alice = try await phone("alice")
        let bob = try await phone("bob") {
            $0.serves = [.message]
            $0.speaksTCP = isAccepted
        }
        let serving = Task {
            var ways: [String] = []
            for await request in bob.requests {
                ways.append(String((request.message[.via] ?? "").prefix(11)))
                request.respond(200)
            }
            return ways
        }
        for length in [20, 2_000] {
            let text = String(repeating: "a", count: length)
            let answer = try await alice.send(.message(text, to: "sip:bob@\(bob.localAddress)"))
            #expect(answer.statusCode == 200)
        }
        await alice.shutDown()
        await bob.shutDown()
        #expect(await serving.value == ["SIP/2.0/UDP", isAccepted ? "SIP/2.0/TCP" : "SIP/2.0/UDP"])
    }

    /// A phone whose port for TCP is taken starts all the same, and connects to others.
    @Test func aPortThatIsTakenIsDoneWithout() async throws {
        let threads = StreamThreads(count: 1)
        let taken = try await StreamListener.bind(
            .loopback(), on: threads, framer: { preconditionFailure("nobody connects") }, handler: NoConnections())
        let alice = try await phone("alice") { $0.address = taken.localAddress }
        #expect(alice.localAddress == taken.localAddress)
        let bob = try await phone("bob") { $0.serves = [.message] }
        let serving = Task { for await request in bob.requests { request.respond(200) } }
        let text = String(repeating: "a", count: 2_000)
        #expect(try await alice.send(.message(text, to: "sip:bob@\(bob.localAddress)")).statusCode == 200)
        await alice.shutDown()
        await bob.shutDown()
        await serving.value
        await taken.close()
        await threads.shutdown()
    }

    /// RFC 5626 §4.5: a phone whose connection ends says so, and is bound by another one at once.
    @Test func aRegistrationByTCPOutlivesItsConnection() async throws {
        let registrar = try await phone("registrar") { $0.serves = [.register] }
        let seen = Mutex<[Message]>([])
        let serving = Task {
            for await request in registrar.requests {
                seen.withLock { $0.append(request.message) }
                let contacts = request.message.values(of: .contact)
                request.respond(
                    200,
                    MessageContent([
                        .init(.contact, contacts[0]), .init(.expires, "600"), .init(.require, "outbound"),
                    ]))
            }
        }
        var options = UserAgent.Options(address: .loopback())
        options.instance = .random()
        let account = try Account("sip:alice@127.0.0.1", proxy: "sip:\(registrar.localAddress);transport=tcp")
        let alice = try await UserAgent(account: account, options: options)
        var events = alice.registrationEvents.makeAsyncIterator()
        #expect(await events.next() == .registered(expires: .seconds(600)))
        let connections = try #require(registrar.endpoint.streams).abandonConnections()
        #expect(connections.count == 1)
        for connection in connections { connection.abort() }
        #expect(await events.next() == .flowFailed(retryAfter: .zero))
        #expect(await events.next() == .registered(expires: .seconds(600)))
        let requests = seen.withLock { $0 }
        #expect(requests.count == 2)
        for request in requests {
            #expect(
                request[.contact]?.hasSuffix(";+sip.instance=\(options.instance?.parameterValue ?? "");reg-id=1")
                    == true)
            #expect(request[.supported] == "gruu, outbound, path")
        }
        await alice.shutDown()
        await registrar.shutDown()
        await serving.value
    }

    /// A phone that is registered over a connection binds its new address by a new one, and takes the old one away.
    @Test func aRegistrationByTCPMovesToAnotherNetwork() async throws {
        let registrar = try await phone("registrar") { $0.serves = [.register] }
        let seen = Mutex<[(via: String, contacts: String)]>([])
        let serving = Task {
            for await request in registrar.requests {
                let contacts = request.message.values(of: .contact)
                let via = request.message[.via] ?? ""
                seen.withLock { $0.append((via, contacts.joined(separator: ", "))) }
                request.respond(200, MessageContent([.init(.contact, contacts[0]), .init(.expires, "600")]))
            }
        }
        var options = UserAgent.Options(address: .loopback())
        options.networkCheck = nil
        let account = try Account("sip:alice@127.0.0.1", proxy: "sip:\(registrar.localAddress);transport=tcp")
        let alice = try await UserAgent(account: account, options: options)
        let before = alice.localAddress
        let there = try #require(TransportAddress("127.0.0.2:0"))
        try await alice.move(to: there)
        var events = alice.registrationEvents.makeAsyncIterator()
        for _ in 0..<2 { _ = await events.next() }
        let latest = seen.withLock { $0.last }
        let last = try #require(latest)
        let (old, new) = ("sip:alice@\(before);transport=tcp", "sip:alice@\(alice.localAddress);transport=tcp")
        #expect(alice.localAddress.hasSameHost(as: there))
        #expect(last.via.hasPrefix("SIP/2.0/TCP \(alice.localAddress);"))
        #expect(last.contacts == "<\(new)>, <\(old)>;expires=0")
        // It is reached there.
        let caller = try await phone("caller")
        let arriving = Task { () -> Invitation? in
            for await invitation in alice.invitations { return invitation }
            return nil
        }
        let call = try await caller.dial(new)
        let invitation = try #require(await arriving.value)
        try await invitation.answer()
        await call.hangUp()
        for agent in [caller, alice, registrar] { await agent.shutDown() }
        await serving.value
    }
}

/// What a listener tells that nobody connects to.
private final class NoConnections: StreamHandler {
    func opened(_ connection: StreamConnection) {}
    func received(_ frames: [[UInt8]], on connection: StreamConnection) {}
    func misframed(_ error: StreamFramingError, on connection: StreamConnection) {}
    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {}
}
