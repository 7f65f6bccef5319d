import Media
import Reactor
import SDP
import SRTP
import Testing

@testable import Relay

/// An end of a call that encrypts, on a socket of its own.
final class SecuredEnd {
    let wire: Wire
    private let security: MediaSecurity
    private var negotiation: KeyNegotiation
    private(set) var protection: StreamProtection?
    private var handshake: MediaHandshake?

    init(_ wire: Wire, _ encryption: MediaEncryption) throws {
        self.wire = wire
        security = try MediaSecurity(encryption)
        negotiation = KeyNegotiation(security)
    }

    private var place: ByteString { ByteString("\(wire.address)") ?? "" }

    /// The description with what this end says of keys.
    private func description(_ transport: ByteString, _ terms: KeyNegotiation.Terms) -> String {
        let lines =
            ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
            + ["m=audio \(wire.address.port) \(transport) 0", "a=rtcp-mux"]
            + terms.attributes.map { attribute in "a=\(attribute.name)" + (attribute.value.map { ":\($0)" } ?? "") }
        return lines.map { $0 + "\r\n" }.joined()
    }

    func offer() throws -> String {
        let terms = try negotiation.makeOffer(at: place)
        return description(try #require(terms.transports?.first), terms)
    }

    /// Agrees on an offer; the answer.
    func answer(_ offer: SessionDescription) throws -> String {
        let terms = try negotiation.answer(offer, index: nil, at: place)
        return description(offer.media[0].field.transport, terms)
    }

    func take(_ answer: SessionDescription) throws { try negotiation.take(answer, of: answer.media[0]) }

    /// Comes to keys with the relay, whose port is `door`.
    func agree(with door: TransportAddress) async throws {
        switch negotiation.keys {
        case .none: Issue.record("the media is in the clear")
        case .described(let keys):
            protection = try StreamProtection(keys.profile, local: keys.local, remote: keys.remote, at: .now)
        case .association:
            try await begin(with: door)
            try await finish()
        }
    }

    /// Sends the first flight of a handshake, if it is this end's.
    func begin(with door: TransportAddress) async throws {
        guard case .association(let terms) = negotiation.keys else { return }
        let made = try MediaHandshake(terms, security.context, isMultiplexed: true, door, nil, at: .now)
        handshake = made
        while let (datagram, destination, _) = made.next() { await wire.send(datagram, to: destination) }
    }

    /// Goes on with a handshake until there are keys.
    func finish() async throws {
        let made = try #require(handshake)
        while protection == nil {
            while let (datagram, destination, _) = made.next() { await wire.send(datagram, to: destination) }
            switch made.outcome(at: .now) {
            case .success(let keys):
                protection = try StreamProtection(
                    keys.media.profile, local: keys.media.local, remote: [keys.media.remote], at: .now)
            case .failure(let error): throw error
            case nil:
                guard let next = await wire.next() else { return }
                next.bytes.withUnsafeBytes { made.receive($0, from: next.from, isControl: false) }
            }
        }
        // What ends the handshake of a server is sent behind its keys.
        while let (datagram, destination, _) = made.next() { await wire.send(datagram, to: destination) }
    }

    /// A packet as it goes over the wire.
    func seal(_ packet: [UInt8]) throws -> [UInt8] {
        var memory = packet + [UInt8](repeating: 0, count: 64)
        let protection = try #require(protection)
        let length = try memory.withUnsafeMutableBytes { try protection.seal($0, length: packet.count) }
        return Array(memory[..<length])
    }

    /// The packet in what came over the wire.
    func open(_ bytes: [UInt8]) throws -> [UInt8] {
        var memory = bytes
        let protection = try #require(protection)
        let length = try memory.withUnsafeMutableBytes { try protection.open($0, at: .now) }
        return Array(memory[..<length])
    }

    /// A report as it goes over the wire.
    func sealControl(_ report: [UInt8]) throws -> [UInt8] {
        var memory = report + [UInt8](repeating: 0, count: 64)
        let protection = try #require(protection)
        let length = try memory.withUnsafeMutableBytes { try protection.sealControl($0, length: report.count) }
        return Array(memory[..<length])
    }

    /// The report in what came over the wire.
    func openControl(_ bytes: [UInt8]) throws -> [UInt8] {
        var memory = bytes
        let protection = try #require(protection)
        let length = try memory.withUnsafeMutableBytes { try protection.openControl($0, at: .now) }
        return Array(memory[..<length])
    }
}
