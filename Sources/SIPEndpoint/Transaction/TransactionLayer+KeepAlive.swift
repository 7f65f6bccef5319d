import Reactor
import SIP

extension TransactionLayer {
    /// Answers a STUN Binding Request, by which a phone keeps its way through a NAT open and learns of its address
    /// (RFC 5626 §8); false when the datagram is no STUN.
    func answersSTUN(_ bytes: UnsafeRawBufferPointer, _ flow: Flow) -> Bool {
        guard flow.connection == 0, STUNBinding.isSTUN(bytes) else { return false }
        counters.keepAlives &+= 1
        let source = STUNBinding.Source(
            isIPv6: flow.remote.isIPv6, upper: flow.remote.upperBits, lower: flow.remote.lowerBits,
            port: flow.remote.port)
        scratch.removeAll()
        if STUNBinding.answer(bytes, from: source, into: &scratch) { send(scratch.bytes, flow) }
        return true
    }
}
