import Reactor
import TestKit
import Testing

/// Takes bytes as they come.
private struct ByteFramer: StreamFramer {
    private var bytes: [UInt8] = []

    mutating func append(_ added: UnsafeRawBufferPointer) { bytes.append(contentsOf: added) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        guard !bytes.isEmpty else { return nil }
        defer { bytes = [] }
        return bytes
    }

    var holdsPartialFrame: Bool { false }
}

/// Hands on what it receives.
private final class ByteRecorder: StreamHandler {
    let frames = Mailbox<[UInt8]>()

    func opened(_ connection: StreamConnection) {}
    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        for frame in frames { self.frames.post(frame) }
    }
    func misframed(_ error: StreamFramingError, on connection: StreamConnection) {}
    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) {}
}

/// The first message of a client, read by RFC 8446 §4.1.2.
private struct ClientHello {
    private(set) var extensions: [UInt16: [UInt8]] = [:]

    /// Nil when the record is not whole.
    init?(_ record: [UInt8]) {
        var bytes = record[...]
        func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard bytes.count >= count else { return nil }
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count)
        }
        func number(_ size: Int) -> Int? { take(size)?.reduce(0) { $0 << 8 | Int($1) } }
        // Record: handshake, legacy version; message: client_hello; legacy version, random, session, suites, compression.
        guard number(1) == 22, number(2) != nil, number(2) == bytes.count, number(1) == 1, number(3) == bytes.count,
            number(2) == 0x0303, take(32) != nil, let session = number(1), take(session) != nil,
            let suites = number(2), take(suites) != nil, let compression = number(1), take(compression) != nil,
            number(2) == bytes.count
        else { return nil }
        while !bytes.isEmpty {
            guard let kind = number(2), let count = number(2), let body = take(count) else { return nil }
            extensions[UInt16(kind)] = Array(body)
        }
    }

    /// What `supported_groups` lists (§4.2.7).
    var groups: [UInt16] { Self.words(extensions[10]?.dropFirst(2) ?? []) }

    /// The groups that `key_share` has a share of (§4.2.8), with the lengths of the shares.
    var shares: [(group: UInt16, length: Int)] {
        var rest = extensions[51]?.dropFirst(2) ?? []
        var shares: [(group: UInt16, length: Int)] = []
        while rest.count >= 4 {
            let words = Self.words(rest.prefix(4))
            shares.append((words[0], Int(words[1])))
            rest = rest.dropFirst(4 + Int(words[1]))
        }
        return shares
    }

    /// What `server_name` asks for (RFC 6066 §3).
    var serverName: String? {
        extensions[0].map { String(decoding: $0.dropFirst(5), as: UTF8.self) }
    }

    private static func words(_ bytes: some Collection<UInt8>) -> [UInt16] {
        let bytes = Array(bytes)
        return stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    }
}

@Suite(.timeLimit(.minutes(1))) struct ClientHelloTests {
    private func hello(to domain: String) async throws -> ClientHello {
        let world = try SecuredWorld()
        var found: ClientHello?
        try await withStreams { threads async throws in
            let recorder = ByteRecorder()
            let listener = try await StreamListener.bind(
                .loopback(), on: threads, framer: { ByteFramer() }, handler: recorder)
            let client = StreamRecorder()
            _ = threads.connector(client).connect(
                to: listener.localAddress, security: try world.client(), domain: domain)
            var bytes: [UInt8] = []
            while found == nil {
                bytes += try await recorder.frames.next()
                found = ClientHello(bytes)
            }
        }
        return try #require(found)
    }

    /// The hybrid group is the first that is offered, with a share of its own: 1,184 bytes of ML-KEM-768 and 32 of X25519.
    @Test func theHybridGroupIsOfferedFirst() async throws {
        let hello = try await hello(to: "example.com")
        #expect(hello.groups == [0x11EC, 0x001D, 0x0017, 0x0018])
        #expect(hello.shares.first?.group == 0x11EC)
        #expect(hello.shares.first?.length == 1_184 + 32)
    }

    /// Domains are named to the server, addresses are not (RFC 6066 §3).
    @Test func domainsAreNamed() async throws {
        #expect(try await hello(to: "Example.COM.").serverName == "Example.COM")
        #expect(try await hello(to: "127.0.0.1").serverName == nil)
        #expect(try await hello(to: "[::1]").serverName == nil)
    }
}
