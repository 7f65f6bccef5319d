/// The session timer of a dialog at one of its ends (RFC 4028): who refreshes the session, how often, and when it is over if nobody
/// does.
///
/// ```
///               2xx to INVITE or UPDATE, with Session-Expires
///   +-------+  ------------------------------------------------>  +-----------+ half the interval, if this side refreshes:
///   |  off  |                                                     |  running  |---+ send UPDATE or re-INVITE
///   +-------+  <------------------------------------------------  +-----------+ <-+
///               2xx without                                            | no 2xx until the end of the interval
///                                                                      v
///                                                                   send BYE
/// ```
///
/// Each INVITE and UPDATE goes with ``requestFields()``, each 2xx to one with what ``accept(_:)`` returns; each 2xx that comes
/// is given to ``receive(_:)``.
public struct SessionTimer: Hashable, Sendable {
    public typealias Refresher = SessionExpiresIndex.Refresher

    /// What this side wants.
    public struct Configuration: Hashable, Sendable {
        /// The interval to ask for: 30 minutes (RFC 4028 §4); nil asks for none, and gives way to what others ask for.
        public var interval: Duration? = .seconds(1_800)
        /// The shortest interval that is accepted, at least ``SessionTimer/leastInterval``.
        public var minimum = SessionTimer.leastInterval
        /// Who refreshes when this side may choose: the server of a first INVITE chooses for both.
        public var refresher = Refresher.uac

        /// The recommended values.
        public init() {}
    }

    /// The timers of this machine.
    public enum Timer: UInt8, Hashable, Sendable {
        /// A refresh is due.
        case refresh
        /// The session ends.
        case expiry
    }

    /// What to do, in order.
    public enum Action: Hashable, Sendable {
        /// Start a timer anew.
        case set(Timer, Duration)
        /// Stop a timer.
        case stop(Timer)
        /// Refresh the session: UPDATE without an offer if the peer allows that method, or else re-INVITE with the offer
        /// unchanged (RFC 4028 §7.4).
        case refresh
        /// Nobody has refreshed the session: send BYE (RFC 4028 §10).
        case expire
    }

    /// A header field to write.
    public struct Field: Hashable, Sendable {
        /// The name.
        public var name: HeaderName
        /// The value.
        public var value: String
    }

    /// The shortest interval that there may be: 90 s (RFC 4028 §4).
    public static let leastInterval = Duration.seconds(90)

    /// How long before the end of the interval the side that waits for refreshes ends the session: 32 s, or a third of the interval
    /// if that is less (RFC 4028 §10).
    public static let longestLead = Duration.seconds(32)

    /// The wait before a refresh that was refused is tried again.
    public static let retryInterval = Duration.seconds(20)

    /// How many times a request is sent again with a longer interval (422).
    public static let mostIntervalChanges = 3

    /// What this side wants.
    public let configuration: Configuration

    /// The interval, nil when no timer runs.
    public private(set) var interval: Duration?

    /// Whether this side refreshes.
    public private(set) var isRefresher = false

    /// The largest Min-SE of the dialog so far (RFC 4028 §7.4).
    private var minimum: Duration?
    private var intervalChanges = 0

    /// A timer that does not run.
    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    // MARK: The client

    /// Session-Expires and Min-SE of an INVITE or UPDATE that this side sends (RFC 4028 §7.1, §7.4).
    public var requestFields: [Field] {
        var fields: [Field] = []
        if let interval {
            let role: Refresher = isRefresher ? .uac : .uas
            fields.append(
                .init(name: .sessionExpires, value: "\(Self.seconds(atLeastMinimum(interval)));refresher=\(role)"))
        } else if let wanted = configuration.interval {
            fields.append(.init(name: .sessionExpires, value: "\(Self.seconds(atLeastMinimum(wanted)))"))
        }
        if let minimum { fields.append(.init(name: .minSE, value: "\(Self.seconds(minimum))")) }
        return fields
    }

    /// A 2xx to an INVITE or UPDATE of this side came (RFC 4028 §7.2).
    public mutating func receive(_ response: MessageView) -> [Action] {
        intervalChanges = 0
        let asked = interval ?? configuration.interval
        if let stated = (try? response.sessionExpires).flatMap({ $0 }) {
            return run(.seconds(Int64(stated.seconds)), isRefresher: stated.refresher != .uas)
        }
        // A server that does not know of timers leaves the refreshes to the one who wants them.
        let isKnown = response.optionTags(.supported).contains(.timer)
        guard let asked, !isKnown else { return turnOff() }
        return run(atLeastMinimum(asked), isRefresher: true)
    }

    /// A 422 came: whether the request is to be sent again, with a longer interval (RFC 4028 §7.3).
    public mutating func lengthen(after response: MessageView) -> Bool {
        guard response.statusCode == 422, let stated = (try? response.minimumSessionExpires).flatMap({ $0 }),
            intervalChanges < Self.mostIntervalChanges
        else { return false }
        let longer = Duration.seconds(Int64(stated))
        guard longer > (minimum ?? .zero) else { return false }
        intervalChanges += 1
        minimum = max(longer, Self.leastInterval)
        return true
    }

    /// The dialog is there: from now on only what its own messages say of the minimum counts (RFC 4028 §7.4).
    public mutating func forgetMinimum() { minimum = nil }

    // MARK: The server

    /// The Min-SE of the 422 that an INVITE or UPDATE gets, nil if its interval is long enough (RFC 4028 §9).
    public func refusal(of request: MessageView) -> Field? {
        guard request.optionTags(.supported).contains(.timer),
            let stated = (try? request.sessionExpires).flatMap({ $0 }),
            Duration.seconds(Int64(stated.seconds)) < least
        else { return nil }
        return Field(name: .minSE, value: "\(Self.seconds(least))")
    }

    /// An INVITE or UPDATE of the peer is answered by 2xx, with the fields that are returned (RFC 4028 §9, table 2).
    public mutating func accept(_ request: MessageView) -> (fields: [Field], actions: [Action]) {
        let isKnown = request.optionTags(.supported).contains(.timer)
        let stated = (try? request.sessionExpires).flatMap { $0 }
        let lowest = (try? request.minimumSessionExpires).flatMap { $0 }.map { Duration.seconds(Int64($0)) }
        if let lowest { minimum = max(minimum ?? .zero, lowest) }
        let interval: Duration
        if let stated {
            interval = .seconds(Int64(stated.seconds))
        } else if isKnown, let wanted = configuration.interval {
            interval = max(wanted, lowest ?? Self.leastInterval)
        } else {
            return ([], turnOff())
        }
        // A client that knows of no timers cannot be told that its interval is too short, and is not heeded.
        guard interval >= Self.leastInterval else { return ([], turnOff()) }
        let refresher: Refresher = isKnown ? stated?.refresher ?? chosenRefresher : .uas
        var fields = [Field(name: .sessionExpires, value: "\(Self.seconds(interval));refresher=\(refresher)")]
        if isKnown { fields.append(Field(name: .require, value: "timer")) }
        return (fields, run(interval, isRefresher: refresher == .uas))
    }

    /// Who refreshes, seen from a request of the peer: as before, or as configured.
    private var chosenRefresher: Refresher {
        interval == nil ? configuration.refresher : isRefresher ? .uas : .uac
    }

    // MARK: Time

    /// A timer fired.
    public func fire(_ timer: Timer) -> [Action] {
        guard interval != nil else { return [] }
        return timer == .refresh ? [.refresh] : [.expire]
    }

    /// A refresh got another response than 2xx, 408 or 481: the session goes on until its end, and another attempt is made
    /// before (RFC 4028 §10).
    public func refreshFailed() -> [Action] {
        interval != nil && isRefresher ? [.set(.refresh, Self.retryInterval)] : []
    }

    private mutating func run(_ stated: Duration, isRefresher: Bool) -> [Action] {
        // No session is so short: who says so would make this side send without end (RFC 4028 §11.1).
        let interval = max(stated, Self.leastInterval)
        self.interval = interval
        self.isRefresher = isRefresher
        guard isRefresher else {
            return [.stop(.refresh), .set(.expiry, interval - min(Self.longestLead, interval / 3))]
        }
        return [.set(.refresh, interval / 2), .set(.expiry, interval)]
    }

    private mutating func turnOff() -> [Action] {
        interval = nil
        isRefresher = false
        return [.stop(.refresh), .stop(.expiry)]
    }

    private var least: Duration { max(configuration.minimum, Self.leastInterval) }

    private func atLeastMinimum(_ interval: Duration) -> Duration {
        max(interval, minimum ?? Self.leastInterval, Self.leastInterval)
    }

    private static func seconds(_ duration: Duration) -> Int64 { duration.components.seconds }
}
