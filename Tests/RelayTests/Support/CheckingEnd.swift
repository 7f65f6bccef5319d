import ICE
import Media
import Reactor
import SDP
import Testing

@testable import Relay

/// An end of a call with a part in ICE: it checks the way to the relay, and speaks from there.
final class CheckingEnd {
    let wire: Wire
    var own = ICEParameters(fragment: [UInt8]("browser".utf8), password: [UInt8]("0123456789012345678901".utf8))
    /// What the relay has told.
    var told: ICEParameters?
    private var number: UInt64

    init(_ wire: Wire) {
        self.wire = wire
        number = UInt64(wire.address.port) << 32
    }

    /// The lines of its descriptions that speak of ICE.
    var lines: [String] {
        [
            "a=ice-ufrag:\(String(decoding: own.fragment, as: UTF8.self))",
            "a=ice-pwd:\(String(decoding: own.password, as: UTF8.self))",
            "a=candidate:1 1 udp 2122260223 192.168.77.1 \(wire.address.port) typ host generation 0",
        ]
    }

    /// Takes what the relay says of ICE; the address that it is at.
    @discardableResult
    func take(_ description: SessionDescription, _ index: Int = 0, component: UInt16 = 1) throws -> TransportAddress {
        #expect(description.isICELite)
        let media = description.media[index]
        let credentials = try #require(description.iceCredentials(of: media))
        told = ICEParameters(fragment: Array(credentials.fragment.bytes), password: Array(credentials.password.bytes))
        let candidate = try #require(media.candidates.first { $0.component == component })
        return try #require(candidate.address.transportAddress(port: candidate.port))
    }

    /// A check as it goes over the wire.
    func check(nominates: Bool = true) throws -> [UInt8] {
        let told = try #require(told)
        number += 1
        var memory = [UInt8](repeating: 0, count: 500)
        var length = 0
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        var writer = try STUNWriter(
            .request, .binding, STUNTransactionID(upper: 1, lower: number), into: &bytes)
        try writer.add(.username, told.fragment + [UInt8(ascii: ":")] + own.fragment, into: &bytes)
        try writer.add(.priority, 1_862_270_975 as UInt32, into: &bytes)
        try writer.add(.iceControlling, 1 as UInt64, into: &bytes)
        if nominates { try writer.add(.useCandidate, into: &bytes) }
        try writer.addIntegrity(.shortTerm(told.password), .crypto, into: &bytes)
        try writer.addFingerprint(into: &bytes)
        length = writer.length
        return Array(memory.prefix(length))
    }

    /// Checks the way, and waits until that has succeeded.
    func connect(to door: TransportAddress, nominates: Bool = true) async throws {
        let told = try #require(told)
        await wire.send(try check(nominates: nominates), to: door)
        let heard = try #require(await wire.next())
        let message = try STUNMessage(parsing: heard.bytes.span.bytes)
        let isProven = message.isProven(by: .shortTerm(told.password), .crypto, in: heard.bytes.span.bytes)
        let mapped = message.address(.xorMappedAddress, in: heard.bytes.span.bytes)
        #expect(message.kind == .success && isProven && heard.from == door)
        #expect(mapped == STUNAddress(wire.address))
    }
}
