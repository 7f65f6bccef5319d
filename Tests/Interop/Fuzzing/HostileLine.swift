import Foundation
import Synchronization
import TestKit

/// A way by which the hostile player sends: datagrams, a connection, one of TLS, or a WebSocket. What it says in TLS is put there by
/// Stunnel.
final class HostileLine: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case udp, tcp, tls, ws, wss

        var isWebSocket: Bool { self == .ws || self == .wss }
    }

    /// Where each kind leads: the server itself, or Stunnel before it.
    struct Doors: Sendable {
        var hostPorts: [Kind: String] = [:]

        /// Stunnel before what listens for TLS; it believes the certificates of a PEM file.
        init(to server: ItoServer, authorities: String, in peers: Peers) async throws {
            hostPorts[.udp] = server.hostPort
            for kind in Kind.allCases where kind != .udp {
                let own = server.address("\(kind.rawValue)://")
                let isSecure = kind == .tls || kind == .wss
                hostPorts[kind] =
                    isSecure
                    ? try await StunnelPeer.start(
                        .client(authorities: authorities, address: "127.0.0.1"), to: own, in: peers
                    ).hostPort : own
            }
        }
    }

    let kind: Kind
    private let wire: Wire
    /// Bytes of a WebSocket that are no whole frame yet.
    private let rest = Mutex<[UInt8]>([])
    private let isBroken = Atomic(false)

    /// Opens a line; a WebSocket is ready when this returns.
    init(_ kind: Kind, _ doors: Doors) async throws(PeerError) {
        self.kind = kind
        wire = try Wire(kind == .udp ? .udp : .tcp, to: doors.hostPorts[kind] ?? "")
        guard kind.isWebSocket else { return }
        wire.send(
            """
            GET / HTTP/1.1
            Host: example.test
            Upgrade: websocket
            Connection: Upgrade
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
            Sec-WebSocket-Version: 13
            Sec-WebSocket-Protocol: sip


            """)
        let answer = try await wire.message()
        guard answer.startLine.hasPrefix("HTTP/1.1 101 ") else {
            throw PeerError(.refused, "no WebSocket was opened: \(answer.startLine)")
        }
    }

    /// Whether nothing more comes and goes: the server has closed the connection.
    var isOver: Bool { isBroken.load(ordering: .relaxed) }

    /// Its name in Via.
    var transport: String { kind.rawValue.uppercased() }

    /// Its own address.
    var hostPort: String { wire.hostPort }

    /// What a URI that leads here says of its transport.
    var parameter: String { kind == .udp ? "" : ";transport=\(kind.isWebSocket ? "ws" : kind.rawValue)" }

    /// Sends bytes as one message; false when the line is broken.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        let isSent = !isOver && wire.send(kind.isWebSocket ? Self.frame(bytes) : bytes)
        if !isSent { isBroken.store(true, ordering: .relaxed) }
        return isSent
    }

    /// What has come, if anything has: a datagram, some bytes of a stream, or a message of a WebSocket.
    func receive() async -> [UInt8]? {
        if let message = nextFrame() { return message }
        switch await wire.receive(within: .zero) {
        case .nothing: return nil
        case .closed:
            isBroken.store(true, ordering: .relaxed)
            return nil
        case .bytes(let bytes):
            guard kind.isWebSocket else { return bytes }
            rest.withLock { $0 += bytes }
            return nextFrame()
        }
    }

    /// A masked text frame (RFC 6455 §5.2); the mask of zeros changes nothing.
    private static func frame(_ bytes: [UInt8]) -> [UInt8] {
        let count = bytes.count
        var head: [UInt8] = [0x81]
        if count < 126 {
            head.append(0x80 | UInt8(count))
        } else if count < 65_536 {
            head += [0x80 | 126, UInt8(count >> 8), UInt8(count & 255)]
        } else {
            head += [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
        }
        return head + [0, 0, 0, 0] + bytes
    }

    /// The payload of the next whole frame; servers mask none.
    private func nextFrame() -> [UInt8]? {
        rest.withLock { rest in
            guard rest.count >= 2 else { return nil }
            let extra = [126: 2, 127: 8][rest[1] & 127] ?? 0
            guard rest.count >= 2 + extra else { return nil }
            let length =
                extra == 0 ? Int(rest[1] & 127) : rest[2..<2 + extra].reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 2 + extra + length else { return nil }
            let payload = Array(rest[(2 + extra)..<(2 + extra + length)])
            rest.removeFirst(2 + extra + length)
            return payload
        }
    }

    /// A request of this line, as ``Wire/request`` writes it.
    func request(
        _ method: String, _ uri: String, from: String, to: String, branch: String, callID: String, headers: [String]
    ) -> String {
        wire.request(method, uri, from: from, to: to, branch: branch, callID: callID, headers: headers)
            .replacing("Via: SIP/2.0/TCP ", with: "Via: SIP/2.0/\(transport) ")
            .replacing(";transport=tcp>", with: "\(parameter)>")
    }
}
