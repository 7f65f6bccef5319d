import Foundation
import Glibc
import TestKit

/// A socket of the test's own on 127.0.0.1 that sends any bytes, good or bad. Waits hold up no other task.
final class Wire: Sendable {
    enum Transport: String, Sendable {
        case udp, tcp
    }

    /// What a wait for bytes came to.
    enum Received: Equatable {
        case bytes([UInt8])
        /// The other side has closed the connection, or broken it.
        case closed
        /// Nothing came in time.
        case nothing
    }

    let transport: Transport
    /// The local port.
    let port: UInt16
    private let descriptor: Int32

    /// Opens a socket to an address such as `127.0.0.1:5060`.
    ///
    /// - Parameters:
    ///   - port: the local port; 0 lets the kernel choose.
    ///   - address: the local address, one of 127.0.0.0/8.
    ///   - receiveBuffer: bytes that the kernel may keep for us; nil leaves that to it.
    convenience init(
        _ transport: Transport, to hostPort: String, port: UInt16 = 0, address: UInt32 = loopback,
        receiveBuffer: Int32? = nil
    ) throws(PeerError) {
        let type = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        let remote = UInt16(hostPort.split(separator: ":").last ?? "") ?? 0
        guard Self.call(descriptor, port, at: address, bind) == 0, Self.call(descriptor, remote, connect) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw PeerError(.startFailed, "no \(transport) socket to \(hostPort): \(reason)")
        }
        self.init(transport, descriptor)
    }

    /// A socket that is connected.
    init(_ transport: Transport, _ descriptor: Int32) {
        self.transport = transport
        self.descriptor = descriptor
        port = Self.localPort(descriptor)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// 127.0.0.1.
    static let loopback: UInt32 = 0x7F00_0001

    /// Calls bind(2) or connect(2) with a port of 127.0.0.1 or of another address of loopback.
    static func call(
        _ descriptor: Int32, _ port: UInt16, at number: UInt32 = loopback,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = number.bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    static func localPort(_ descriptor: Int32) -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// `127.0.0.1:PORT`.
    var hostPort: String { "127.0.0.1:\(port)" }

    /// Closes our sending side; what the other side still sends can be read.
    func end() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends all bytes; false when the connection is broken, or full for ten seconds.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        repeat {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return false }
            sent += count
        } while sent < bytes.count
        return true
    }

    /// Sends a text with its line ends put right.
    @discardableResult
    func send(_ text: String) -> Bool { send(Self.bytes(text)) }

    /// The bytes of a text with its line ends put right.
    static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + text.utf8.count / 8)
        for byte in text.utf8 {
            if byte == 0x0A { bytes.append(0x0D) }
            bytes.append(byte)
        }
        return bytes
    }

    /// Waits for a datagram, or for some bytes of a stream.
    func receive(within limit: Duration = .seconds(10)) async -> Received {
        let descriptor = descriptor
        let milliseconds = Int32(limit / .milliseconds(1))
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&waiting, 1, milliseconds) > 0 else { return continuation.resume(returning: .nothing) }
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                continuation.resume(returning: count > 0 ? .bytes(Array(buffer[..<count])) : .closed)
            }
        }
    }

    /// All that comes until the other side closes; nil when it does not do so in time.
    func untilClosed(within limit: Duration = .seconds(20)) async -> [UInt8]? {
        let deadline = ContinuousClock.now + limit
        var all: [UInt8] = []
        while true {
            switch await receive(within: max(.zero, deadline - .now)) {
            case .bytes(let bytes): all += bytes
            case .closed: return all
            case .nothing: return nil
            }
        }
    }

    /// The next message with no body or a short one, as one datagram or one read.
    func message(within limit: Duration = .seconds(10)) async throws(PeerError) -> SentMessage {
        switch await receive(within: limit) {
        case .bytes(let bytes): return SentMessage(bytes)
        case .closed: throw PeerError(.ended, "the connection was closed instead of a message")
        case .nothing: throw PeerError(.timedOut, "no message within \(limit)")
        }
    }

    /// The next message with a Call-ID, repetitions of others left out.
    func message(of callID: String) async throws(PeerError) -> SentMessage {
        while true {
            let message = try await message()
            if message.values("Call-ID") == [callID] { return message }
        }
    }

    /// Sends a request and returns its final response.
    func ask(_ request: String) async throws(PeerError) -> SentMessage { try await ask(Self.bytes(request)) }

    /// Sends a request and returns its final response.
    func ask(_ request: [UInt8]) async throws(PeerError) -> SentMessage {
        send(request)
        while true {
            let message = try await message()
            if message.status >= 200 { return message }
        }
    }

    /// A request of this socket.
    ///
    /// - Parameter contact: host and port of Contact; nil is this socket's.
    func request(
        _ method: String, _ uri: String, from: String = "sip:mallory@elsewhere.test", to: String? = nil,
        branch: String = UUID().uuidString, callID: String = UUID().uuidString, contact: String? = nil,
        headers: [String] = [], body: String = ""
    ) -> String {
        let name = transport.rawValue.uppercased()
        var lines = [
            "\(method) \(uri) SIP/2.0", "Via: SIP/2.0/\(name) \(hostPort);rport;branch=z9hG4bK\(branch)",
            "Max-Forwards: 70", "From: <\(from)>;tag=\(branch.prefix(8))", "To: <\(to ?? uri)>", "Call-ID: \(callID)",
            "CSeq: 1 \(method)",
            "Contact: <sip:phone@\(contact ?? hostPort)\(transport == .tcp ? ";transport=tcp" : "")>",
        ]
        // Each line end of the body becomes two bytes.
        let length = body.utf8.reduce(0) { $0 + ($1 == 0x0A ? 2 : 1) }
        lines += headers + ["Content-Length: \(length)", "", body]
        return lines.joined(separator: "\n")
    }
}

/// A message as it came.
struct SentMessage {
    let text: String

    init(_ bytes: [UInt8]) { text = String(decoding: bytes, as: UTF8.self) }

    var lines: [Substring] { text.split(separator: "\r\n", omittingEmptySubsequences: false) }

    /// The status of a response; 0 for a request.
    var status: Int { text.hasPrefix("SIP/2.0 ") ? Int(text.dropFirst(8).prefix(3)) ?? 0 : 0 }

    /// The first line.
    var startLine: String { String(lines.first ?? "") }

    /// The fields of a header.
    func values(_ name: String) -> [String] {
        lines.filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map {
            String($0.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces)
        }
    }
}
