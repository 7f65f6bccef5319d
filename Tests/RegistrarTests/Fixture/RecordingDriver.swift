import Reactor
import SIP
import SIPEndpoint

/// An endpoint's world that keeps what was sent and does nothing else.
final class RecordingDriver: EndpointDriver {
    struct Sent {
        var bytes: [UInt8]
        var remote: TransportAddress
        var connection: UInt64 = 0
    }

    var now = ContinuousClock.Instant.now
    var sent: [Sent] = []
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_507, alignment: 16)

    deinit { memory.deallocate() }

    func schedule(_ token: UInt64, after delay: Duration) -> UInt64 { 1 }
    func cancel(timer: UInt64) {}
    func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer? { memory }

    func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress) {
        guard count > 0 else { return }
        sent.append(Sent(bytes: Array(memory[0..<count]), remote: remote))
    }

    func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool {
        sent.append(Sent(bytes: Array(bytes), remote: .loopback(), connection: connection))
        return true
    }

    func connect(to target: Target) -> UInt64 { 0 }
    func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void) { completion(NameAnswer()) }

    func random() -> UInt64 { 0x5EED }
}
