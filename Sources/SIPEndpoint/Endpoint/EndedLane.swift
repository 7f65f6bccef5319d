import Reactor
import SIP

/// What is above and below the SIP layers of a lane that has come to its end: nothing is sent, no timer fires, and nobody takes requests.
///
/// What is left of calls can still be told to end, by whoever has them.
final class EndedLane {
    private let lane: Lane

    init(_ lane: Lane) { self.lane = lane }
}

extension EndedLane: EndpointDriver {
    var now: ContinuousClock.Instant { .now }
    func schedule(_ token: UInt64, after delay: Duration) -> UInt64 { 0 }
    func cancel(timer: UInt64) {}
    func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer? { nil }
    func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress) {}
    func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool { false }
    func connect(to target: Target) -> UInt64 { 0 }
    func isOpen(connection: UInt64) -> Bool { false }
    func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void) { completion(NameAnswer()) }
    func random() -> UInt64 { Lane.randomNumbers(1)[0] }

    var execute: @Sendable (_ work: @escaping @Sendable () -> Void) -> Void {
        { [lane] work in lane.execute { _ in work() } }
    }
}

extension EndedLane: RequestHandler {
    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}
}
