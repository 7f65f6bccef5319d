import Foundation
import Glibc
import Testing

/// A phone that writes its messages by hand, over a TCP connection to the server.
final class RawConnection: Sendable {
    private let descriptor: Int32
    /// The local port of the connection.
    let port: UInt16

    init(server: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = server.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isConnected = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(isConnected)
    }

    deinit { close(descriptor) }

    /// Ends the connection.
    func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Sends a message; line ends are put right.
    func send(_ text: String) {
        let bytes = Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Whether something can be read here, and not on the other connection; waits for either.
    func isReadable(within limit: Duration, or other: RawConnection) -> Bool {
        var both = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&both, 2, Int32(limit.components.seconds) * 1_000)
        return both[0].revents & Int16(POLLIN) != 0
    }

    /// The next bytes.
    func nextBytes(_ count: Int) async throws -> [UInt8] {
        let descriptor = descriptor
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var buffer = [UInt8](repeating: 0, count: count)
                let got = recv(descriptor, &buffer, count, Int32(MSG_WAITALL))
                continuation.resume(returning: Array(buffer[..<max(0, got)]))
            }
        }
    }

    /// What comes next within five seconds, up to the end of a head without body.
    func next() async throws -> RawMessage {
        let descriptor = descriptor
        let bytes: [UInt8] = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var all: [UInt8] = []
                var byte: UInt8 = 0
                while !all.suffix(4).elementsEqual([13, 10, 13, 10]), recv(descriptor, &byte, 1, 0) == 1 {
                    all.append(byte)
                }
                continuation.resume(returning: all)
            }
        }
        try #require(!bytes.isEmpty, "nothing came")
        return RawMessage(text: String(decoding: bytes, as: UTF8.self))
    }

    /// A REGISTER of a user over this connection.
    func register(_ user: String, parameters: String = "", cSeq: Int = 1, headers: [String] = []) -> String {
        let of = "sip:\(user)@localhost"
        return
            ([
                "REGISTER sip:localhost SIP/2.0",
                "Via: SIP/2.0/TCP 127.0.0.1:\(port);branch=z9hG4bK\(UUID().uuidString)",
                "Max-Forwards: 70", "From: <\(of)>;tag=\(port)", "To: <\(of)>", "Call-ID: \(port)",
                "CSeq: \(cSeq) REGISTER",
                "Contact: <sip:\(user)@127.0.0.1:\(port);transport=tcp>\(parameters)",
            ] + headers + ["Content-Length: 0", "", ""]).joined(separator: "\n")
    }
}
