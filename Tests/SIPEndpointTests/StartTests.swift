import Dispatch
import Glibc
import Reactor
import SIP
import SIPEndpoint
import Synchronization
import TestKit
import Testing

/// Answers every request with 200.
private final class Echo: RequestHandler, Sendable {
    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        layer.respondStatelessly(to: request, 200)
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}
}

/// A socket that sends requests to a port of 127.0.0.1 for as long as it is not told to stop.
private final class Sender: Sendable {
    private let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    private let isToStop = Atomic(false)

    init(to port: UInt16) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit { close(descriptor) }

    /// Sends until it is told to stop; each request has a Call-ID of its own, and so all lanes get some.
    func run() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                var number = 0
                while !isToStop.load(ordering: .acquiring) {
                    number += 1
                    let text =
                        "OPTIONS sip:localhost SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK\(number)\r\n"
                        + "Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:localhost>\r\n"
                        + "Call-ID: start-\(number)\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                    // Refused as long as nobody listens.
                    _ = text.withCString { send(descriptor, $0, text.utf8.count, 0) }
                }
                continuation.resume()
            }
        }
    }

    func stop() { isToStop.store(true, ordering: .releasing) }
}

@Suite struct StartTests {
    /// Requests that come while the lanes open their sockets are answered by whichever lane owns them: none of them may be
    /// without a socket then.
    @Test func requestsThatComeWhileItStartsAreAnswered() async throws {
        for _ in 0..<10 {
            let reservation = try PortReservation()
            let sender = Sender(to: reservation.port)
            reservation.release()
            async let sent: Void = sender.run()
            var configuration = SIPEndpoint.Configuration()
            configuration.laneCount = 4
            configuration.listeners = [.init(.udp, .loopback(port: reservation.port))]
            let endpoint = try await SIPEndpoint(configuration) { _ in Echo() }
            while await endpoint.counters().requestsReceived < 100 { await Task.yield() }
            sender.stop()
            await sent
            #expect(await endpoint.counters().sendFailures == 0)
            await endpoint.stop()
        }
    }
}
