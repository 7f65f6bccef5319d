public import SIP
import Synchronization

/// The nonce counts that were used, of all lanes together (RFC 7616 §3.4, `nc`): a request that was overheard is refused on
/// whichever lane it comes again.
///
/// Counts lie in parts by nonce, each under a mutex of its own for the time of comparing a few numbers, so that lanes seldom
/// meet. The memory is fixed.
public final class ReplayWindow: Sendable {
    /// The number of parts.
    static let partCount = 64

    private final class Part: Sendable {
        let counts: Mutex<NonceCounts>

        init(capacity: Int) { counts = Mutex(NonceCounts(capacity: capacity)) }
    }

    private let parts: [Part]

    /// A window over so many nonces; what is older than those counts as stale.
    public init(capacity: Int = NonceCounts.defaultCapacity) {
        parts = (0..<Self.partCount).map { _ in Part(capacity: max(1, capacity / Self.partCount)) }
    }

    /// Records a use of a nonce whose credentials were found right.
    ///
    /// - Parameter request: what stands for the request, so that it is known when it comes again; 0 when that is not wanted.
    public func record(_ use: NonceIssuer.Use, by request: UInt64 = 0) -> NonceCounts.Verdict {
        parts[Int(use.identifier % UInt64(Self.partCount))].counts.withLock { $0.record(use, by: request) }
    }
}
