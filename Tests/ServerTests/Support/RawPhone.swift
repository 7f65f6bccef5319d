import Crypto
import Foundation
import Glibc
import Testing

/// A phone that writes its messages by hand, over a UDP socket of its own on 127.0.0.1 or another address of loopback.
final class RawPhone: Sendable {
    private let descriptor: Int32
    /// The port of the socket.
    let port: UInt16
    private let server: UInt16

    init(server: UInt16, address number: UInt32 = 0x7F00_0001) throws {
        self.server = server
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        try #require(descriptor >= 0)
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = Self.loopback(0, number)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(bound)
    }

    deinit { close(descriptor) }

    private static func loopback(_ port: UInt16, _ number: UInt32 = 0x7F00_0001) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = number.bigEndian
        return address
    }

    /// Sends a message to the server; line ends are put right.
    func send(_ text: String) { send(bytes: Array(text.replacing("\n", with: "\r\n").utf8)) }

    /// Sends a datagram to the server.
    func send(bytes: [UInt8]) {
        var address = Self.loopback(server)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// The next message that comes within five seconds; other threads go on meanwhile.
    func next() async throws -> RawMessage {
        RawMessage(text: String(decoding: try await nextBytes(), as: UTF8.self))
    }

    /// The next datagram that comes within five seconds.
    func nextBytes() async throws -> [UInt8] {
        let descriptor = descriptor
        let bytes: [UInt8] = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                continuation.resume(returning: Array(buffer[..<max(0, count)]))
            }
        }
        try #require(!bytes.isEmpty, "nothing came")
        return bytes
    }

    /// Sends a request and returns its final response.
    func ask(_ text: String) async throws -> RawMessage {
        send(text)
        while true {
            let message = try await next()
            if message.status >= 200 { return message }
        }
    }

    /// A request of this phone.
    func request(
        _ method: String, _ uri: String, from: String, to: String? = nil, callID: String = UUID().uuidString,
        cSeq: Int = 1, contactParameters: String = "", headers: [String] = []
    ) -> String {
        var lines = [
            "\(method) \(uri) SIP/2.0",
            "Via: SIP/2.0/UDP 127.0.0.1:\(port);branch=z9hG4bK\(UUID().uuidString)", "Max-Forwards: 70",
            "From: <\(from)>;tag=\(UUID().uuidString.prefix(8))", "To: <\(to ?? uri)>", "Call-ID: \(callID)",
            "CSeq: \(cSeq) \(method)", "Contact: <sip:phone@127.0.0.1:\(port)>\(contactParameters)",
        ]
        lines += headers + ["Content-Length: 0", "", ""]
        return lines.joined(separator: "\n")
    }

    /// An INVITE that offers PCMU to a service number.
    func invite(_ number: String) -> String {
        let bare = request(
            "INVITE", "sip:\(number)@localhost", from: "sip:a@elsewhere.test",
            headers: ["Content-Type: application/sdp"])
        let offer = """
            v=0
            o=- 1 1 IN IP4 127.0.0.1
            s=-
            c=IN IP4 127.0.0.1
            t=0 0
            m=audio 9 RTP/AVP 0

            """
        let length = offer.replacing("\n", with: "\r\n").utf8.count
        return bare.replacing("Content-Length: 0", with: "Content-Length: \(length)") + offer
    }

    /// A request in the dialog that a 2xx to an INVITE of this phone has made; for ACK the number is that of the INVITE.
    func request(_ method: String, after answer: RawMessage, cSeq: Int) throws -> String {
        let contact = try #require(answer.values("Contact").first?.split(separator: ">").first?.dropFirst())
        return """
            \(method) \(contact) SIP/2.0
            Via: SIP/2.0/UDP 127.0.0.1:\(port);branch=z9hG4bK\(UUID().uuidString)
            Max-Forwards: 70
            From: \(answer.values("From")[0])
            To: \(answer.values("To")[0])
            Call-ID: \(answer.values("Call-ID")[0])
            CSeq: \(cSeq) \(method)
            Content-Length: 0


            """
    }

    /// A response of this phone to a request that it has got.
    func response(_ status: Int, to request: RawMessage) -> String {
        let copied = request.lines.filter { line in
            ["Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
        }
        let to = request.values("To").first ?? ""
        return
            (["SIP/2.0 \(status) Said by hand"] + copied.map(String.init)
            + ["To: \(to);tag=\(port)", "Contact: <sip:phone@127.0.0.1:\(port)>", "Content-Length: 0", "", ""])
            .joined(separator: "\n")
    }

    /// Registers with a password, and returns the last answer.
    func register(
        _ user: String, password: String, domain: String = "localhost", addressOfRecord: String? = nil
    ) async throws -> RawMessage {
        let of = "sip:\(addressOfRecord ?? user)@\(domain)"
        let callID = UUID().uuidString
        let challenge = try await ask(
            request("REGISTER", "sip:\(domain)", from: of, to: of, callID: callID))
        guard challenge.status == 401 else { return challenge }
        let credentials = try challenge.answer(
            "WWW-Authenticate", user, password, method: "REGISTER", uri: "sip:\(domain)")
        return try await ask(
            request(
                "REGISTER", "sip:\(domain)", from: of, to: of, callID: callID, cSeq: 2,
                headers: ["Authorization: \(credentials)"]))
    }
}

/// A message as text.
struct RawMessage {
    let text: String

    var lines: [Substring] { text.split(separator: "\r\n", omittingEmptySubsequences: false) }

    /// The status of a response; 0 for a request.
    var status: Int { text.hasPrefix("SIP/2.0 ") ? Int(text.dropFirst(8).prefix(3)) ?? 0 : 0 }

    /// The values of a header field.
    func values(_ name: String) -> [String] {
        lines.filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map {
            String($0.dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces)
        }
    }

    /// Credentials for the challenge with MD5 and qop=auth (RFC 7616 §3.4.1), reckoned here and not with our own Digest.
    func answer(_ header: String, _ user: String, _ password: String, method: String, uri: String) throws -> String {
        let challenge = try #require(values(header).first { $0.contains("MD5") || !$0.contains("algorithm") })
        func parameter(_ name: String) throws -> String {
            let found = try #require(challenge.firstRange(of: name + "=\""))
            return String(challenge[found.upperBound...].prefix { $0 != "\"" })
        }
        let (realm, nonce) = (try parameter("realm"), try parameter("nonce"))
        let first = Self.md5("\(user):\(realm):\(password)")
        let response = Self.md5("\(first):\(nonce):00000001:abc:auth:\(Self.md5("\(method):\(uri)"))")
        return """
            Digest username="\(user)", realm="\(realm)", nonce="\(nonce)", uri="\(uri)", algorithm=MD5, qop=auth, \
            nc=00000001, cnonce="abc", response="\(response)"
            """
    }

    private static func md5(_ text: String) -> String {
        Insecure.MD5.hash(data: Array(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            .joined()
    }
}
