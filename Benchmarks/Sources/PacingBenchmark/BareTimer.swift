import Foundation
import Glibc
import Synchronization

/// What the machine allows: a thread that does nothing but sleep until a packet is due and send it.
///
/// It has the niceness of the phones' lanes of media, so that what it is late by is what the machine took from it, not from us.
final class BareTimer: Sendable {
    private static let interval: Int64 = 20_000_000
    private static let niceness: Int32 = -11
    private let sender: Int32
    private let receiver: Int32
    private let isRunning = Mutex(true)
    private let finished = DispatchSemaphore(value: 0)
    /// The port it sends from, which tells its stream from others.
    let port: UInt16

    init() throws(WireTap.Failure) {
        (sender, receiver) = (Self.socketOnLoopback(), Self.socketOnLoopback())
        port = Self.address(of: sender).map { UInt16(bigEndian: $0.sin_port) } ?? 0
        guard port != 0, var target = Self.address(of: receiver) else {
            throw WireTap.Failure(description: "no socket on 127.0.0.1: \(String(cString: strerror(errno)))")
        }
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(sender, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            throw WireTap.Failure(description: "no way over 127.0.0.1: \(String(cString: strerror(errno)))")
        }
    }

    /// Begins to send, on a thread of its own.
    func start() {
        Thread.detachNewThread { [self] in
            _ = setpriority(.init(PRIO_PROCESS.rawValue), 0, Self.niceness)
            // RTP of payload type 0 with 160 samples: what the tap takes for voice (RFC 3550 §5.1).
            var packet = [UInt8](repeating: 0, count: 172)
            packet[0] = 0x80
            var sequence: UInt16 = 0
            var due = timespec()
            clock_gettime(CLOCK_MONOTONIC, &due)
            while isRunning.withLock({ $0 }) {
                due.tv_nsec += Int(Self.interval)
                if due.tv_nsec >= 1_000_000_000 {
                    (due.tv_sec, due.tv_nsec) = (due.tv_sec + 1, due.tv_nsec - 1_000_000_000)
                }
                while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nil) == EINTR {}
                (packet[2], packet[3]) = (UInt8(sequence >> 8), UInt8(sequence & 0xFF))
                sequence &+= 1
                _ = send(sender, packet, packet.count, 0)
            }
            finished.signal()
        }
    }

    /// Ends sending.
    func stop() {
        isRunning.withLock { $0 = false }
        finished.wait()
        close(sender)
        close(receiver)
    }

    private static func socketOnLoopback() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return status == 0 ? descriptor : -1
    }

    private static func address(of descriptor: Int32) -> sockaddr_in? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return status == 0 ? address : nil
    }
}
