import Crypto
import NIOHTTP1

/// The opening handshake of WebSocket as a server reads it (RFC 6455 §4.2).
struct WebSocketHandshake {
    /// What a request comes to.
    enum Outcome: Equatable {
        /// The headers of the answer 101.
        case accepted(HTTPHeaders)
        /// The status, headers and text of another answer.
        case refused(HTTPResponseStatus, HTTPHeaders, String)
    }

    let configuration: WebSocketConfiguration

    /// The version of the protocol.
    private static let version = "13"

    /// Reads a request.
    func answer(to head: HTTPRequestHead) -> Outcome {
        let headers = head.headers
        guard head.method == .GET, head.version == .http1_1, has("websocket", in: "Upgrade", headers),
            has("upgrade", in: "Connection", headers)
        else {
            return refuse(
                .upgradeRequired, ["Upgrade": "websocket", "Connection": "Upgrade"],
                "this port speaks \(configuration.subprotocol) over WebSocket")
        }
        guard headers["Sec-WebSocket-Version"].map({ $0 }) == [Self.version] else {
            return refuse(.upgradeRequired, ["Sec-WebSocket-Version": Self.version], "only version 13 is spoken")
        }
        let keys = headers["Sec-WebSocket-Key"]
        guard keys.count == 1, Self.isKey(keys[0]), headers["Host"].count == 1 else {
            return refuse(.badRequest, [:], "the handshake lacks its key or its host")
        }
        guard isWelcome(headers["Origin"]) else {
            return refuse(.forbidden, [:], "pages of this origin may not connect")
        }
        guard headers[canonicalForm: "Sec-WebSocket-Protocol"].contains(configuration.subprotocol[...]) else {
            return refuse(.badRequest, [:], "the subprotocol \(configuration.subprotocol) is not offered")
        }
        return .accepted([
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": Self.accept(keys[0]),
            "Sec-WebSocket-Protocol": configuration.subprotocol,
        ])
    }

    private func refuse(_ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ text: String) -> Outcome {
        .refused(status, headers, text)
    }

    /// Whether a field that lists tokens has one, without regard to case.
    private func has(_ token: String, in name: String, _ headers: HTTPHeaders) -> Bool {
        headers[canonicalForm: name].contains { $0.lowercased() == token }
    }

    /// Whether the page that connects, if it is one, is among those that may. Scheme and host have no case (RFC 6454 §4).
    private func isWelcome(_ origins: [String]) -> Bool {
        guard !configuration.origins.isEmpty, !origins.isEmpty else { return true }
        return origins.count == 1 && configuration.origins.contains { $0.lowercased() == origins[0].lowercased() }
    }

    /// 16 bytes in Base64 (§4.1): 22 digits and two signs for what is missing.
    private static func isKey(_ text: String) -> Bool {
        text.utf8.count == 24 && text.hasSuffix("==")
            && text.utf8.dropLast(2).allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
            }
    }

    /// What proves that a key was read (§4.2.2 step 5.4).
    static func accept(_ key: String) -> String {
        base64(Array(Insecure.SHA1.hash(data: Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))))
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Base64 (RFC 4648 §4).
    private static func base64(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for digit in 0..<4 {
                text.append(digit <= group.count ? digits[Int(bits >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
