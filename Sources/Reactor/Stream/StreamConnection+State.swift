import NIOCore

extension StreamConnection {
    /// What may change of a connection, under its lock.
    struct State {
        enum Phase {
            case connecting, open, closing, closed
        }

        var phase = Phase.connecting
        var channel: (any Channel)?
        var localAddress: TransportAddress?
        var peerNames: CertificateNames?
        /// Answers that the owner owes the peer.
        var debts = 0
        /// Whether nothing more is read: the peer has closed its sending side, or what it sends makes no sense.
        var hasInputEnded = false
        /// What no flush has taken yet: frames as they go on the wire, or to the stage of TLS.
        var outbox: ByteBuffer?
        /// Bytes of the outbox and of what NIO has not given to the kernel.
        var waitingBytes = 0
        var isFlushScheduled = false
        /// Bytes given to NIO of which it is not known whether the kernel has them; `waitingBytes` counts them.
        var unconfirmedBytes = 0
        /// Takes nothing more, and closes when what was given to it is sent.
        var isFinishing = false
        /// Why it will have been closed; the first cause stands.
        var reason: StreamCloseReason?
        /// How few bytes may wait when the handler is told that they are so few.
        var drainMark: Int?

        var takesFrames: Bool { (phase == .open || phase == .connecting) && !isFinishing }

        /// An answer was given; true when it was the last of those owed and nothing more is read.
        mutating func settle() -> Bool {
            guard debts > 0 else { return false }
            debts -= 1
            return debts == 0 && hasInputEnded
        }
    }
}
