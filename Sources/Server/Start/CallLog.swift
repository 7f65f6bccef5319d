import Logging
import Relay

/// Writes a line for each relayed call that is over, off the media lanes.
struct CallLog {
    /// The lines that may wait to be written; further ones are left out.
    static let limit = 1_000

    private let calls: AsyncStream<RelayedCall>
    private let yield: AsyncStream<RelayedCall>.Continuation

    init() { (calls, yield) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.limit)) }

    /// Takes a call; does not block.
    var report: @Sendable (RelayedCall) -> Void {
        { [yield] call in _ = yield.yield(call) }
    }

    /// Writes what comes until ``finish()``.
    func run(_ logger: Logger) async {
        for await call in calls { logger.info("a relayed call is over", metadata: call.metadata) }
    }

    /// Ends ``run(_:)`` when all that has come is written.
    func finish() { yield.finish() }
}

extension RelayedCall {
    /// Its figures by name: those of a stream begin with its place and side, and what was dropped is told where anything was.
    var metadata: Logger.Metadata {
        let status = CallStatus(self)
        var result: Logger.Metadata = [
            "call": "\(status.callID)", "seconds": "\(status.seconds)", "by": "\(ending?.rawValue ?? "")",
        ]
        for stream in status.streams {
            for (side, leg) in [("caller", stream.caller), ("callee", stream.callee)] {
                let prefix = "\(stream.index).\(side)"
                result["\(prefix).address"] = "\(leg.address ?? "none")"
                for (name, value) in leg.counters where value > 0 || ["received", "octets", "sent"].contains(name) {
                    result["\(prefix).\(name)"] = "\(value)"
                }
            }
        }
        return result
    }
}
