import Foundation
import SIP
import Synchronization
import TestKit
import Testing

/// A socket that sends one message of a torture test as it is, and reads what comes back.
///
/// A datagram is answered at the port that its Via names (RFC 3261 §18.2.2), so the socket is bound to that port: on an address
/// of loopback that nobody else uses.
final class TortureWire {
    private let wire: Wire
    private let bytes: [UInt8]
    private var framer = SIP.StreamFramer()
    private static let count = Atomic<UInt32>(0)

    /// Opens a socket for a message to an address such as `127.0.0.1:5060`.
    init(_ bytes: [UInt8], _ transport: Wire.Transport, to hostPort: String) throws {
        // Some messages of the archives lack the blank line at their end, which only a datagram can do without.
        let isWhole = bytes.firstRange(of: [0x0D, 0x0A, 0x0D, 0x0A]) != nil
        self.bytes = transport == .udp || isWhole ? bytes : bytes + [0x0D, 0x0A]
        let port =
            try Message(bytes).withView { view -> UInt16 in
                let via = try? view.topVia
                return via?.hasPort == true ? via?.port ?? 5_060 : 5_060
            }
        let process = UInt32(truncatingIfNeeded: ProcessInfo.processInfo.processIdentifier)
        let number = Self.count.add(1, ordering: .relaxed).newValue
        wire = try Wire(
            transport, to: hostPort, port: transport == .udp ? port : 0,
            address: 0x7F40_0000 | (process & 0x3FF) << 12 | number & 0xFFF)
    }

    func send() { wire.send(bytes) }

    /// Sends what Content-Length promises and the message lacks.
    func sendRest() throws {
        let missing = try Message(bytes).withView { view in
            Int(try #require(try view.contentLength)) - Int(view.body.count)
        }
        try #require(missing > 0)
        wire.send([UInt8](repeating: 0x20, count: missing))
    }

    /// The next message.
    func next() async throws -> Message {
        while true {
            if wire.transport == .tcp, case .message(let message) = try framer.next() { return try Message(message) }
            switch await wire.receive() {
            case .bytes(let bytes) where wire.transport == .udp: return try Message(bytes)
            case .bytes(let bytes): framer.append(bytes)
            case .closed: throw PeerError(.ended, "the connection was closed")
            case .nothing: throw PeerError(.timedOut, "nothing has come")
            }
        }
    }

    /// The final response to the message, which it belongs to by its Call-ID; an INVITE's is acknowledged.
    func final() async throws -> Message {
        while true {
            let response = try await next()
            try #require(!response.isRequest)
            guard response.statusCode.isFinal else { continue }
            let request = try Message(bytes)
            let callID = request.values(of: .callID).first
            if let callID { #expect(response[.callID] == callID) }
            acknowledge(response, request)
            return response
        }
    }

    private func acknowledge(_ response: Message, _ request: Message) {
        guard request.method == .invite, !response.statusCode.isSuccess,
            let number = response[.cSeq]?.split(separator: " ").first
        else { return }
        let uri = request.withView { $0.text($0.startLine.uriRange) }
        let lines = [
            "ACK \(uri) SIP/2.0", "Via: \(request.values(of: .via).first ?? "")", "Max-Forwards: 70",
            "From: \(response[.from] ?? "")", "To: \(response[.to] ?? "")", "Call-ID: \(response[.callID] ?? "")",
            "CSeq: \(number) ACK", "Content-Length: 0", "", "",
        ]
        wire.send(Array(lines.joined(separator: "\r\n").utf8))
    }

    /// Asks for capabilities: the element lives. What else comes before the answer is returned.
    func probe(_ uri: String) async throws -> [Message] {
        let callID = "probe-\(UUID().uuidString)"
        wire.send(wire.request("OPTIONS", uri, callID: callID))
        var others: [Message] = []
        while true {
            let message = try await next()
            if message[.callID] == callID {
                #expect(message.statusCode == 200)
                return others
            }
            others.append(message)
        }
    }

    /// Waits until the connection is closed.
    func closed() async -> Bool { await wire.untilClosed() != nil }
}

extension WireOutcome {
    /// Compares what comes with what has to come; `delivered` is done by the role.
    func check(_ wire: TortureWire, probing uri: String, delivered: () async throws -> Void) async throws {
        switch self {
        case .answered(let status):
            #expect(try await wire.final().statusCode.rawValue == status)
        case .answeredWith(let status, let name, let part):
            let response = try await wire.final()
            #expect(response.statusCode.rawValue == status)
            let values = response.values(of: HeaderName(name)).joined(separator: ", ")
            #expect(values.contains(part), "\(name): \(values)")
        case .delivered:
            try await delivered()
        case .silence:
            #expect(try await wire.probe(uri).map(\.statusCode) == [])
        case .answeredAndClosed(let status):
            #expect(try await wire.final().statusCode.rawValue == status)
            #expect(await wire.closed())
            return
        case .waitsForBody:
            try wire.sendRest()
            try await delivered()
        }
        _ = try await wire.probe(uri)
    }
}
