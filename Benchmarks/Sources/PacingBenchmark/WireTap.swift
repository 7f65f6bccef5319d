import CWireTap
import Foundation
import Synchronization

/// Listens to the loopback interface and times the RTP packets of each stream.
final class WireTap: Sendable {
    private let tap: Int32
    private let state = Mutex((isRunning: false, streams: [UInt64: StreamPacing]()))
    private let finished = DispatchSemaphore(value: 0)

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Opens the tap, which needs the privilege CAP_NET_RAW.
    init() throws(Failure) {
        tap = wiretap_open()
        guard tap >= 0 else {
            throw Failure(
                description:
                    "the loopback interface cannot be listened to (\(String(cString: strerror(-tap)))): run as root")
        }
    }

    /// Begins to listen, on a thread of its own.
    func start() {
        state.withLock { $0.isRunning = true }
        Thread.detachNewThread { [self] in
            var datagram = wiretap_datagram()
            while state.withLock({ $0.isRunning }) {
                guard wiretap_next(tap, &datagram, 100) == 1, datagram.isVoice else { continue }
                let ends = UInt64(datagram.source_port) << 16 | UInt64(datagram.destination_port)
                state.withLock { $0.streams[ends, default: StreamPacing(datagram)].note(datagram) }
            }
            finished.signal()
        }
    }

    /// Ends listening; the streams, and packets that the tap lost.
    func stop() -> (streams: [UInt64: StreamPacing], drops: UInt32) {
        state.withLock { $0.isRunning = false }
        finished.wait()
        let drops = wiretap_drops(tap)
        wiretap_close(tap)
        return (state.withLock { $0.streams }, drops)
    }
}

extension wiretap_datagram {
    /// A packet of RTP with 20 ms of G.711 (RFC 3550 §5.1, RFC 3551 §6): version 2, payload type 0 or 8, 160 samples.
    var isVoice: Bool { length == 172 && head.0 >> 6 == 2 && [0, 8].contains(head.1 & 0x7F) }

    var sequenceNumber: UInt16 { UInt16(head.2) << 8 | UInt16(head.3) }
}

/// The spacing of one stream's packets.
struct StreamPacing {
    /// The ports, as a name.
    let name: String
    /// The port it comes from.
    let source: UInt16
    private static let nominal: Int64 = 20_000_000
    private var last: (time: Int64, sequence: UInt16)?
    private var errors: [Int64] = []
    private var missing = 0

    init(_ first: wiretap_datagram) {
        (name, source) = ("\(first.source_port) to \(first.destination_port)", first.source_port)
    }

    /// A packet was sent.
    mutating func note(_ datagram: wiretap_datagram) {
        defer { last = (datagram.time, datagram.sequenceNumber) }
        guard let last else { return }
        guard datagram.sequenceNumber == last.sequence &+ 1 else {
            missing += 1
            return
        }
        errors.append(abs(datagram.time - last.time - Self.nominal))
    }

    /// The figures for a person.
    var summary: String {
        let sorted = errors.sorted()
        func part(_ share: Double) -> String {
            guard let last = sorted.indices.last else { return "–" }
            return String(format: "%.3f", Double(sorted[min(Int(Double(sorted.count) * share), last)]) / 1e6)
        }
        return
            "\(name): \(errors.count + 1) packets, median \(part(0.5)) ms, p99 \(part(0.99)) ms, p99.9 \(part(0.999)) ms, "
            + "most \(part(1)) ms" + (missing > 0 ? ", \(missing) gaps in the numbers" : "")
    }
}
