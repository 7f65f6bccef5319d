import TestKit
import Testing

@testable import Reactor

/// Questions over sockets: to a server of DNS that no one here wrote, and to one that is silent.
@Suite(.timeLimit(.minutes(1))) struct DNSClientTests {
    private func resolver(_ server: TransportAddress, timeout: Duration = .seconds(5)) -> HostResolver {
        var configuration = HostResolver.Configuration()
        configuration.servers = [server]
        configuration.timeout = timeout
        configuration.tries = 1
        return HostResolver(configuration)
    }

    @Test func recordsOfEveryKindAreFound() async throws {
        try await withPeers { peers in
            let names = try await DnsmasqPeer.start(
                [
                    .host("a.example.test", ["127.0.0.2"]), .host("b.example.test", ["127.0.0.3", "::1"]),
                    .alias("c.example.test", of: "b.example.test"),
                    .service("_sip._udp.example.test", "a.example.test", 5_070, priority: 10, weight: 5),
                    .rule("example.test", order: 7, preference: 8, "SIP+D2U", "_sip._udp.example.test"),
                ], lifetime: 77, in: peers)
            let resolver = resolver(names.address)
            #expect(
                try await resolver.reply(to: .srv("_SIP._udp.Example.test."))
                    == DNSReply(
                        records: [.srv(priority: 10, weight: 5, port: 5_070, target: "a.example.test")], lifetime: 77))
            #expect(
                try await resolver.reply(to: .naptr("example.test"))
                    == DNSReply(
                        records: [
                            .naptr(
                                order: 7, preference: 8, flags: "s", service: "SIP+D2U", regularExpression: "",
                                replacement: "_sip._udp.example.test")
                        ], lifetime: 77))
            #expect(try await resolver.addresses(of: "a.example.test", port: 5).map(\.description) == ["127.0.0.2:5"])
            #expect(
                try await Set(resolver.addresses(of: "c.example.test", port: 5).map(\.description))
                    == ["127.0.0.3:5", "[::1]:5"])
            #expect(
                try await resolver.addresses(of: "b.example.test", port: 5, .ipv6).map(\.description) == ["[::1]:5"])
            // A name without records of the type, and one that does not exist.
            for name in ["a.example.test", "nothing.test"] {
                #expect(try await resolver.reply(to: .srv(name)).records == [])
            }
            await #expect(throws: HostResolutionError.self) {
                try await resolver.addresses(of: "nothing.test", port: 5)
            }
        }
    }

    /// A server that says nothing leaves numbers, and names of this machine, as quick as they are.
    @Test func aSilentServerDelaysNobodyElse() async throws {
        let silent = try BoundDatagramSocket.bind(.loopback())
        let resolver = resolver(silent.localAddress, timeout: .seconds(600))
        try await withLane { lane async throws in
            let answers = Mailbox<String>()
            for number in 0..<100 {
                resolver.resolve(.naptr("h\(number).test"), on: lane) { _, _ in answers.post("h\(number)") }
            }
            #expect(try await resolver.addresses(of: "192.0.2.7", port: 5) == [TransportAddress("192.0.2.7:5")!])
            #expect(try await resolver.reply(to: .naptr("localhost")).records == [])
            #expect(try await resolver.reply(to: .srv("_sip._udp.any.localhost")).records == [])
            #expect(try await resolver.reply(to: .srv("_sip._udp.no.invalid")).records == [])
            resolver.resolve(.naptr("localhost"), on: lane) { _, _ in answers.post("localhost") }
            #expect(try await answers.next() == "localhost")
        }
    }

    @Test func aServerThatIsNotThereIsUnavailable() async throws {
        let gone = try BoundDatagramSocket.bind(.loopback()).localAddress
        let resolver = resolver(gone, timeout: .milliseconds(200))
        for question in [DNSQuestion.naptr("a.test"), .srv("_sip._udp.a.test"), .addresses("a.test", .both)] {
            let error = await #expect(throws: HostResolutionError.self) { try await resolver.reply(to: question) }
            #expect(error?.code == .unavailable)
        }
    }
}
