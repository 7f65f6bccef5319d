import Foundation
import Synchronization
import TestKit
import Testing

/// Asks a server for its capabilities, again and again, as a client should: what is not answered over UDP is repeated
/// after T1, and then after twice as long each time (RFC 3261 §17.1.2.2).
struct WellBehavedClient {
    let wire: Wire

    /// How often a request is sent before it counts as unanswered: 64 times T1, as Timer F says.
    private static let attempts = 7

    /// Asks once.
    ///
    /// - Throws: ``PeerError`` when there is no 200.
    func ask() async throws(PeerError) {
        let callID = UUID().uuidString
        let request = wire.request("OPTIONS", "sip:example.test", callID: callID)
        var wait = wire.transport == .tcp ? Duration.seconds(30) : .milliseconds(500)
        for _ in 0..<(wire.transport == .tcp ? 1 : Self.attempts) {
            wire.send(request)
            while case .bytes(let bytes) = await wire.receive(within: wait) {
                let answer = SentMessage(bytes)
                // A repeated request has more than one answer.
                guard answer.values("Call-ID") == [callID] else { continue }
                guard answer.status == 200 else {
                    throw PeerError(.refused, "a well-behaved client was answered \(answer.startLine)")
                }
                return
            }
            wait *= 2
        }
        throw PeerError(.timedOut, "a well-behaved client was not answered over \(wire.transport)")
    }

    /// Asks until it is told to stop, and once more then; returns how often it was answered.
    func ask(until isOver: Flag) async throws(PeerError) -> Int {
        var count = 0
        var isLast = false
        while !isLast {
            isLast = isOver.isSet
            try await ask()
            count += 1
        }
        return count
    }
}

/// Something that is true from some time on.
final class Flag: Sendable {
    private let state = Atomic(false)

    var isSet: Bool { state.load(ordering: .acquiring) }

    func set() { state.store(true, ordering: .releasing) }
}

/// Runs an attack while well-behaved clients over UDP and TCP get an answer to every request, before, during and after
/// it; the server lives, and its memory has not grown by more than a limit.
func withServedClients<Result>(
    of server: ItoServer, memory limit: Int = 48 << 20, _ attack: () async throws -> Result
) async throws -> Result {
    let udp = WellBehavedClient(wire: try Wire(.udp, to: server.hostPort))
    let tcp = WellBehavedClient(wire: try Wire(.tcp, to: server.address("tcp://")))
    for _ in 0..<100 {
        try await udp.ask()
        try await tcp.ask()
    }
    let before = try server.residentBytes()
    let isOver = Flag()
    async let servedOverUDP = udp.ask(until: isOver)
    async let servedOverTCP = tcp.ask(until: isOver)
    defer { isOver.set() }
    let result = try await attack()
    isOver.set()
    let (overUDP, overTCP) = (try await servedOverUDP, try await servedOverTCP)
    #expect(overUDP > 0 && overTCP > 0)
    #expect(server.process.isRunning)
    let growth = try server.residentBytes() - before
    #expect(growth < limit, "the server grew by \(growth >> 20) MiB")
    return result
}
