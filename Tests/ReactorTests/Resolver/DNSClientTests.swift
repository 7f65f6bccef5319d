import Dispatch
import Glibc
import Synchronization
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

    /// RFC 2308 §5: that a host has no addresses holds as long as its zone says, which c-ares does not tell of itself.
    @Test(arguments: [(AddressFamilies.both, 120, 120), (.ipv4, 7, 7), (.ipv6, 7, 7), (.both, 9_999, 300)])
    func thatAHostIsNotThereHoldsAsLongAsItsZoneSays(
        _ families: AddressFamilies, _ minimum: UInt32, _ seconds: Int
    ) async throws {
        let names = try DenyingNameServer(minimum: minimum)
        let offset = Mutex(Duration.zero)
        let start = ContinuousClock.now
        var configuration = HostResolver.Configuration()
        configuration.servers = [names.address]
        configuration.tries = 1
        let resolver = HostResolver(configuration, clock: { start + offset.withLock { $0 } }, ask: nil)
        let question = DNSQuestion.addresses("nobody.example.test", families)
        let error = await #expect(throws: HostResolutionError.self) { try await resolver.reply(to: question) }
        #expect(error?.code == .notFound)
        #expect(error?.lifetime == minimum)
        offset.withLock { $0 = .seconds(seconds) - .nanoseconds(1) }
        #expect(resolver.known(question) != nil)
        offset.withLock { $0 = .seconds(seconds) }
        #expect(resolver.known(question) == nil)
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

/// A server of DNS that knows no name, and says for how long (RFC 2308 §3).
private final class DenyingNameServer: Sendable {
    let address: TransportAddress
    private let descriptor: Int32

    /// - Parameter minimum: the last number of the zone's SOA record.
    init(minimum: UInt32) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0)
        let descriptor = descriptor
        try #require(RawStream.call(.loopback()) { bind(descriptor, $0, $1) } == 0)
        let own = Self.withAddress { getsockname(descriptor, $0, &$1) == 0 }
        address = try #require(own.address)
        DispatchQueue(label: "names").async {
            var query = [UInt8](repeating: 0, count: 512)
            while true {
                var count = 0
                let (peer, _) = Self.withAddress { pointer, length in
                    count = recvfrom(descriptor, &query, query.count, 0, pointer, &length)
                    return count >= 0
                }
                guard count > 12, let peer else { break }
                let answer = Self.denial(of: query[..<count], minimum)
                _ = RawStream.call(peer) { Int32(sendto(descriptor, answer, answer.count, 0, $0, $1)) }
            }
            close(descriptor)
        }
    }

    /// A datagram too short to be a question ends it.
    deinit {
        let descriptor = descriptor
        _ = RawStream.call(address) { Int32(sendto(descriptor, [0], 1, 0, $0, $1)) }
    }

    /// The address that the system writes.
    private static func withAddress(
        _ body: (UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Bool
    ) -> (address: TransportAddress?, isDone: Bool) {
        withUnsafeTemporaryAllocation(byteCount: 28, alignment: 8) { memory in
            var length: socklen_t = 28
            guard let base = memory.baseAddress, body(base.assumingMemoryBound(to: sockaddr.self), &length) else {
                return (nil, false)
            }
            return (TransportAddress(socketAddress: UnsafeRawPointer(base), length: Int(length)), true)
        }
    }

    private static func denial(of query: ArraySlice<UInt8>, _ minimum: UInt32) -> [UInt8] {
        // The question as it came: labels up to the root's, type and class.
        let end = (query[12...].firstIndex(of: 0) ?? query.endIndex - 5) + 5
        var answer = Array(query[..<2]) + [0x81, 0x83, 0, 1, 0, 0, 0, 1, 0, 0] + query[12..<min(end, query.endIndex)]
        // SOA of the root: its own name, type, class, a day, 22 bytes: two names and five numbers.
        answer += [0, 0, 6, 0, 1, 0, 1, 0x51, 0x80, 0, 22, 0, 0] + [UInt8](repeating: 0, count: 16)
        return answer + withUnsafeBytes(of: minimum.bigEndian) { Array($0) }
    }
}
