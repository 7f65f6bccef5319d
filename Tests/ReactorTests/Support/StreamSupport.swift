import Glibc
import Reactor
import Testing

/// Lines that end in a line feed; at most 100 bytes long.
struct LineFramer: StreamFramer {
    private var bytes: [UInt8] = []

    mutating func append(_ added: UnsafeRawBufferPointer) { bytes.append(contentsOf: added) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        guard let end = bytes.firstIndex(of: 10) else {
            if bytes.count > 100 { throw StreamFramingError("line too long", beginning: Array(bytes.prefix(4))) }
            return nil
        }
        defer { bytes.removeSubrange(...end) }
        return Array(bytes[..<end])
    }

    var holdsPartialFrame: Bool { !bytes.isEmpty }
}

/// Passes on what happens on streams, and answers if it is told how.
final class StreamRecorder: StreamHandler {
    enum Event: Sendable, Equatable {
        case opened
        case received([String])
        case misframed(StreamFramingError)
        case inputEnded
        case closed(StreamCloseReason)
        case refused(StreamCloseReason)
    }

    struct Entry: Sendable {
        let connection: StreamConnection
        let event: Event
    }

    let events = Mailbox<Entry>()
    /// Connections of which little waits, as was asked.
    let drained = Mailbox<StreamConnection>()
    private let keepsHalfClosed: Bool
    private let answer: @Sendable (StreamConnection, Event) -> Void

    init(keepsHalfClosed: Bool = false, answer: @escaping @Sendable (StreamConnection, Event) -> Void = { _, _ in }) {
        self.keepsHalfClosed = keepsHalfClosed
        self.answer = answer
    }

    private func note(_ connection: StreamConnection, _ event: Event) {
        events.post(Entry(connection: connection, event: event))
        answer(connection, event)
    }

    func opened(_ connection: StreamConnection) { note(connection, .opened) }

    func received(_ frames: [[UInt8]], on connection: StreamConnection) {
        note(connection, .received(frames.map { String(decoding: $0, as: UTF8.self) }))
    }

    func misframed(_ error: StreamFramingError, on connection: StreamConnection) { note(connection, .misframed(error)) }
    func inputEnded(on connection: StreamConnection) {
        note(connection, .inputEnded)
        if !keepsHalfClosed { connection.close() }
    }
    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason) { note(connection, .closed(reason)) }
    func refused(_ connection: StreamConnection, _ reason: StreamCloseReason) { note(connection, .refused(reason)) }

    func drained(_ connection: StreamConnection) { drained.post(connection) }

    /// The next connection that is opened, whatever else happens.
    func nextOpened() async throws -> StreamConnection {
        while true {
            let entry = try await events.next()
            if entry.event == .opened { return entry.connection }
        }
    }

    func next() async throws -> Event { try await events.next().event }

    /// The next events up to and with the closing of a connection.
    func untilClosed() async throws -> [Event] {
        var all: [Event] = []
        while true {
            let event = try await next()
            all.append(event)
            if case .closed = event { return all }
        }
    }

    /// Lines until there are `count`, however they were batched.
    func lines(_ count: Int) async throws -> [String] {
        var lines: [String] = []
        while lines.count < count {
            if case .received(let batch) = try await next() { lines.append(contentsOf: batch) }
        }
        return lines
    }

    /// Sends every line back.
    static func echo(_ connection: StreamConnection, _ event: Event) {
        if case .received(let lines) = event { connection.send(lines.map { Array("\($0)\n".utf8) }) }
    }
}

/// A peer made of plain system calls, which does what a well-behaved program would not. Waits ten seconds at most.
final class RawStream: @unchecked Sendable {
    // Used by one test at a time; the descriptor never changes.
    let descriptor: Int32

    init(to address: TransportAddress, from local: TransportAddress? = nil, receiveBuffer: Int32 = 0) throws {
        descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, Int32(bitPattern: SOCK_STREAM.rawValue), 0)
        var wait = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var size = receiveBuffer
        if size > 0 { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        if let local { #expect(Self.call(local) { Glibc.bind(self.descriptor, $0, $1) } == 0) }
        try #require(Self.call(address) { Glibc.connect(self.descriptor, $0, $1) } == 0)
    }

    deinit { close(descriptor) }

    static func call(_ address: TransportAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafeTemporaryAllocation(byteCount: 28, alignment: 8) { memory in
            let length = address.storeSocketAddress(to: memory.baseAddress!)
            return body(UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: sockaddr.self)), socklen_t(length))
        }
    }

    func send(_ text: String) {
        #expect(Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count)
    }

    func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// All that comes until the peer closes; nil when it breaks the connection or does neither in time.
    func rest() -> String? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: chunk.prefix(count))
        }
    }

    /// The next bytes, as many as come at once.
    func some() -> String {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        return String(decoding: chunk.prefix(max(count, 0)), as: UTF8.self)
    }
}

/// Runs `body` with threads for streams, which are shut down thereafter.
func withStreams(count: Int = 1, _ body: (StreamThreads) async throws -> Void) async throws {
    let threads = StreamThreads(count: count)
    do {
        try await body(threads)
    } catch {
        await threads.shutdown()
        throw error
    }
    await threads.shutdown()
}

extension StreamThreads {
    func listen(
        _ handler: StreamRecorder, _ family: TransportAddress.Family = .ipv4,
        _ configuration: StreamConfiguration = StreamConfiguration(),
        admission: StreamAdmission = StreamAdmission()
    ) async throws -> TransportAddress {
        try await StreamListener.bind(
            .loopback(family), on: self, configuration, tag: 3, admission: admission, framer: { LineFramer() },
            handler: handler
        ).localAddress
    }

    func connector(_ handler: StreamRecorder, _ configuration: StreamConfiguration = StreamConfiguration())
        -> StreamConnector
    {
        StreamConnector(on: self, configuration, framer: { LineFramer() }, handler: handler)
    }
}
