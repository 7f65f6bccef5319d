/// The durations that transactions wait, all of them settable.
///
/// The three estimates T1, T2 and T4 give every other value its default; set a property afterwards to depart from it.
/// Timers A, E and G start with ``t1`` and double (RFC 3261 §17.1.1.2, §17.1.2.2, §17.2.1), so they have no property of
/// their own.
public struct TransactionTimers: Hashable, Sendable {
    /// T1, the estimate of the round trip time: 500 ms (RFC 3261 §17.1.1.1). A value below ``shortestInterval`` counts as
    /// that.
    public var t1: Duration

    /// T2, the longest interval between repetitions of a request other than INVITE and of a response to INVITE: 4 s
    /// (RFC 3261 §17.1.2.2).
    public var t2: Duration

    /// T4, the longest time that a message stays in the network: 5 s (RFC 3261 §17.1.2.2).
    public var t4: Duration

    /// Timer B, the wait for a first response to INVITE: 64·T1 (RFC 3261 §17.1.1.2).
    public var timerB: Duration

    /// Timer C, the wait for news of a proxied INVITE: more than 3 minutes (RFC 3261 §16.6 item 11).
    public var timerC: Duration

    /// Timer D, the wait for repeated final responses to INVITE: at least 32 s over unreliable transports (RFC 3261
    /// §17.1.1.2). Reliable transports do not wait.
    public var timerD: Duration

    /// Timer F, the wait for a final response to a request other than INVITE: 64·T1 (RFC 3261 §17.1.2.2).
    public var timerF: Duration

    /// Timer H, the wait for ACK: 64·T1 (RFC 3261 §17.2.1).
    public var timerH: Duration

    /// Timer I, the wait for repeated ACKs: T4 over unreliable transports (RFC 3261 §17.2.1). Reliable transports do not
    /// wait.
    public var timerI: Duration

    /// Timer J, the wait for repeated requests other than INVITE: 64·T1 over unreliable transports (RFC 3261 §17.2.2).
    /// Reliable transports do not wait.
    public var timerJ: Duration

    /// Timer K, the wait for repeated responses: T4 over unreliable transports (RFC 3261 §17.1.2.2). Reliable transports
    /// do not wait.
    public var timerK: Duration

    /// Timer L, the wait for repeated INVITEs after a 2xx: 64·T1 (RFC 6026 §8.7).
    public var timerL: Duration

    /// Timer M, the wait for further 2xx: 64·T1 (RFC 6026 §8.4).
    public var timerM: Duration

    /// How long a server may think about an INVITE before it sends 100 (Trying): 200 ms (RFC 3261 §17.2.1). Zero sends it
    /// at once, as a proxy does.
    public var inviteTrying: Duration

    /// How long a server may think about another request before it sends 100 (Trying): the time in which the client's
    /// Timer E grows to T2, 3.5 s (RFC 4320 §4.1).
    public var nonInviteTrying: Duration

    /// When a server gives up a request other than INVITE that nobody has answered, because the client's Timer F has run
    /// out: 64·T1 (RFC 4320 §4.2).
    public var nonInviteExpiry: Duration

    /// How long a client waits for the final response after its CANCEL: 64·T1 (RFC 3261 §9.1).
    public var cancelExpiry: Duration

    /// The default of ``t1``: 500 ms (RFC 3261 §17.1.1.1).
    public static let defaultT1 = Duration.milliseconds(500)

    /// The default of ``t2``: 4 s (RFC 3261 §17.1.2.2).
    public static let defaultT2 = Duration.seconds(4)

    /// The default of ``t4``: 5 s (RFC 3261 §17.1.2.2).
    public static let defaultT4 = Duration.seconds(5)

    /// The default of ``timerC``: one second more than the 3 minutes that it must exceed (RFC 3261 §16.6 item 11).
    public static let defaultTimerC = Duration.seconds(181)

    /// The least value of ``timerD``: 32 s, whatever T1 is, since the server's T1 is not known (RFC 3261 §17.1.1.2).
    public static let leastTimerD = Duration.seconds(32)

    /// The shortest interval between repetitions, 1 ms: protects the network from a T1 of zero.
    public static let shortestInterval = Duration.milliseconds(1)

    /// The values that follow from the three estimates.
    public init(
        t1: Duration = Self.defaultT1, t2: Duration = Self.defaultT2, t4: Duration = Self.defaultT4
    ) {
        self.t1 = t1
        self.t2 = t2
        self.t4 = t4
        let patience = t1 * 64
        timerB = patience
        timerC = Self.defaultTimerC
        timerD = max(Self.leastTimerD, patience)
        timerF = patience
        timerH = patience
        timerI = t4
        timerJ = patience
        timerK = t4
        timerL = patience
        timerM = patience
        inviteTrying = .milliseconds(200)
        nonInviteExpiry = patience
        cancelExpiry = patience
        nonInviteTrying = Self.growth(from: t1, to: t2)
    }

    /// The interval before repetition number `count + 1` of a message, doubling without bound: Timer A (RFC 3261
    /// §17.1.1.2).
    func doubling(_ count: UInt8) -> Duration {
        var interval = t1 < Self.shortestInterval ? Self.shortestInterval : t1
        // By addition: what multiplies a `Duration` takes any integer, and is not made for one.
        for _ in 0..<min(count, Self.mostDoublings) { interval += interval }
        return interval
    }

    /// The interval before repetition number `count + 1` of a message, doubling up to T2: Timers E and G (RFC 3261
    /// §17.1.2.2, §17.2.1).
    func doublingToT2(_ count: UInt8) -> Duration {
        max(min(doubling(count), t2), Self.shortestInterval)
    }

    /// Doubling stops here, or the multiplication could overflow.
    static let mostDoublings: UInt8 = 16

    /// The sum of the intervals that are shorter than `limit` when `start` doubles.
    private static func growth(from start: Duration, to limit: Duration) -> Duration {
        var interval = max(start, shortestInterval)
        var sum = Duration.zero
        while interval < limit {
            sum += interval
            interval *= 2
        }
        return sum
    }
}
