import SIP
import Synchronization
import Testing

@testable import Reactor
@testable import UserAgent

/// Where a phone binds when nobody says: the address from which its proxy can be reached.
@Suite struct LocalAddressTests {
    /// A resolver that knows these names and no others.
    private func resolver(_ names: [String: [String]]) -> HostResolver {
        HostResolver(HostResolver.Configuration(), clock: { .now }) { question, completion in
            guard let found = names[question.name] else {
                return completion(.failure(HostResolutionError(.notFound, question.name)))
            }
            completion(.success(DNSReply(addresses: found.compactMap { TransportAddress(host: $0, port: 0) })))
        }
    }

    @Test(arguments: [
        ("sip:alice@127.0.0.1:5060", "127.0.0.1"), ("sip:alice@[::1]", "::1"), ("sip:both.test", "127.0.0.1"),
        ("sip:six.test", "::1"), ("sip:nowhere.test;maddr=127.0.0.1", "127.0.0.1"),
    ])
    func itLeadsToTheProxy(uri: String, expected: String) async throws {
        let names = ["both.test": ["::1", "127.0.0.1"], "six.test": ["::1"]]
        let local = await TransportAddress.route(toReach: try URI(uri), port: 7, resolver: resolver(names))
        #expect(local == TransportAddress(host: expected, port: 7))
    }

    /// Names that lead nowhere leave the default route, or loopback; never an address that nobody could answer to.
    @Test func itIsNeverTheWildcard() async throws {
        let local = await TransportAddress.route(toReach: try URI("sip:nowhere.test"), port: 7, resolver: resolver([:]))
        let outward = TransportAddress.route(to: "192.0.2.1", family: .ipv4, port: 7)
        #expect(local == (outward.isWildcard ? .loopback(port: 7) : outward))
    }

    @Test(arguments: [
        ("sip:alice@127.0.0.1", nil, TransportAddress.loopback()), ("sip:alice@[::1]", nil, .loopback(.ipv6)),
        ("sip:alice@[::1]", "sip:127.0.0.1:5060", .loopback()),
    ])
    func aPhoneBindsIt(account: String, proxy: String?, expected: TransportAddress) async throws {
        var options = UserAgent.Options()
        options.registers = false
        let agent = try await UserAgent(account: Account(account, proxy: proxy), options: options)
        #expect(agent.localAddress.hasSameHost(as: expected))
        await agent.shutDown()
    }

    @Test func whatIsSaidIsBound() async throws {
        var options = UserAgent.Options(address: .loopback(.ipv6))
        options.registers = false
        let agent = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: options)
        #expect(agent.localAddress.hasSameHost(as: .loopback(.ipv6)))
        await agent.shutDown()
    }

    /// What others shall reach it by stands in Via and Contact.
    @Test func anAdvertisedAddressIsTold() async throws {
        let sent = Mutex<[String]>([])
        var options = UserAgent.Options()
        options.registers = false
        options.advertised = "phone.test:5070"
        options.trace = { message in sent.withLock { $0.append(String(decoding: message.bytes, as: UTF8.self)) } }
        let agent = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: options)
        let nobody = try BoundDatagramSocket.bind(.loopback()).localAddress
        await #expect(throws: CallError.self) { try await agent.call("sip:bob@\(nobody)") }
        let invite = try #require(sent.withLock { $0.first { $0.hasPrefix("INVITE") } })
        #expect(invite.contains("Via: SIP/2.0/UDP phone.test:5070;"))
        #expect(invite.contains("Contact: <sip:alice@phone.test:5070>"))
        await agent.shutDown()
    }

    @Test(arguments: ["sip:bob@", "sip:", "sip:bob@127.0.0.1:port", "tel:+81312345678", "http://127.0.0.1", "bob@"])
    func aMalformedTargetIsNoUsersName(target: String) async throws {
        var options = UserAgent.Options()
        options.registers = false
        let agent = try await UserAgent(account: Account("sip:alice@127.0.0.1"), options: options)
        await #expect(throws: MessageDefect.self) { try await agent.call(target) }
        await agent.shutDown()
    }
}
