import Foundation
import Glibc
import TestKit

/// A TCP socket on 127.0.0.1 that listens on the port of a UDP socket, as a phone with both transports does.
final class Door: Sendable {
    private let descriptor: Int32

    /// - Throws: ``PeerError`` with the code `noPort` when another program has the port.
    init(port: UInt16) throws(PeerError) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard Wire.call(descriptor, port, bind) == 0, listen(descriptor, 4) == 0 else {
            throw PeerError(.noPort, "TCP port \(port) is taken")
        }
    }

    deinit { close(descriptor) }

    /// The port; the system's choice where it was made for port 0.
    var port: UInt16 { Wire.localPort(descriptor) }

    /// The next connection.
    func accepted(within limit: Duration = .seconds(10)) async throws(PeerError) -> Wire {
        let descriptor = descriptor
        let made: Int32 = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                let isReady = poll(&waiting, 1, Int32(limit / .milliseconds(1))) > 0
                continuation.resume(returning: isReady ? accept(descriptor, nil, nil) : -1)
            }
        }
        guard made >= 0 else { throw PeerError(.timedOut, "nobody has connected within \(limit)") }
        return Wire(.tcp, made)
    }

    /// A UDP socket towards a server and a door on the same port.
    static func beside(_ server: String) throws(PeerError) -> (Wire, Door) {
        for _ in 0..<20 {
            let wire = try Wire(.udp, to: server)
            if let door = try? Door(port: wire.port) { return (wire, door) }
        }
        throw PeerError(.noPort, "no port is free for UDP and TCP")
    }
}
