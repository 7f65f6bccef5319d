/// The value of Event, or one of Allow-Events, typed in place (RFC 6665 §8.4).
@frozen
public struct EventIndex: Sendable {
    /// The package with its templates, such as "presence.winfo"; compared with its case (RFC 6665 §8.2.1).
    public var type: ByteRange
    /// The package without templates, such as "presence".
    public var package: ByteRange
    /// The value of the id parameter; empty when absent.
    public var id: ByteRange
    /// The parameters from the first ";" on.
    public var parameters: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange, _ header: HeaderName) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        type = cursor.take(run: .token)
        var end = type.lowerBound
        while end < type.upperBound, base[end] != UInt8(ascii: ".") { end &+= 1 }
        package = ByteRange(type.lowerBound, end)
        id = .none
        parameters = ByteRange(cursor.at, range.upperBound)
        guard !package.isEmpty else { throw MessageDefect(.headerValue, "The event has no package", header: header) }
        var rest = ParameterCursor(cursor)
        var found = ByteRange.none
        try rest.finish(header) { parameter throws(MessageDefect) in
            if ShortToken(base, parameter.name) == ShortToken("id") { found = parameter.value }
        }
        id = found
    }
}

/// The value of Subscription-State, typed in place (RFC 6665 §8.4).
@frozen
public struct SubscriptionStateIndex: Sendable {
    /// Whether the subscription stands.
    @frozen
    public enum State: UInt8, Sendable {
        case active, pending, terminated, other
    }

    /// Why a subscription ended, and so what to do next (RFC 6665 §4.1.3).
    @frozen
    public enum Reason: UInt8, Sendable, CaseIterable {
        case deactivated, probation, rejected, timeout, giveUp, noResource, invariant
        /// None is stated, or one that is not known.
        case other
    }

    /// Whether the subscription stands.
    public var state: State
    /// The state as written.
    public var stateRange: ByteRange
    /// Why it ended.
    public var reason: Reason
    /// Seconds that the subscription still lasts; nil when nothing is said.
    public var expires: UInt32?
    /// Seconds to wait before the next attempt; nil when nothing is said.
    public var retryAfter: UInt32?
    /// The parameters from the first ";" on.
    public var parameters: ByteRange

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        var cursor = Cursor(base, range)
        stateRange = cursor.take(run: .token)
        guard !stateRange.isEmpty else {
            throw MessageDefect(.headerValue, "There is no state", header: .subscriptionState)
        }
        parameters = ByteRange(cursor.at, range.upperBound)
        state = State(base, stateRange)
        reason = .other
        var rest = ParameterCursor(cursor)
        var why = Reason.other
        var lasts: UInt32?
        var wait: UInt32?
        try rest.finish(.subscriptionState) { parameter throws(MessageDefect) in
            if equalIgnoringCase(base, parameter.name, "reason") {
                why = Reason(base, parameter.value)
            } else if equalIgnoringCase(base, parameter.name, "expires") {
                lasts = try Self.seconds(base, parameter.value)
            } else if equalIgnoringCase(base, parameter.name, "retry-after") {
                wait = try Self.seconds(base, parameter.value)
            }
        }
        reason = why
        expires = lasts
        retryAfter = wait
    }

    private static func seconds(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) -> UInt32 {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeSaturatingNumber(maximum: UInt64(UInt32.max)), cursor.isAtEnd else {
            throw MessageDefect(.headerValue, "The seconds are no number", header: .subscriptionState)
        }
        return UInt32(truncatingIfNeeded: number)
    }
}

extension SubscriptionStateIndex.State {
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        if equalIgnoringCase(base, range, "active") {
            self = .active
        } else if equalIgnoringCase(base, range, "pending") {
            self = .pending
        } else if equalIgnoringCase(base, range, "terminated") {
            self = .terminated
        } else {
            self = .other
        }
    }
}

extension SubscriptionStateIndex.Reason {
    /// The reason on the wire; empty for `other`.
    public var text: StaticString {
        switch self {
        case .deactivated: "deactivated"
        case .probation: "probation"
        case .rejected: "rejected"
        case .timeout: "timeout"
        case .giveUp: "giveup"
        case .noResource: "noresource"
        case .invariant: "invariant"
        case .other: ""
        }
    }

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        self = Self.allCases.first { $0 != .other && equalIgnoringCase(base, range, $0.text) } ?? .other
    }
}

extension MessageView {
    /// Event, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var event: EventIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .event) else { return nil }
            return try EventIndex(base, value, .event)
        }
    }

    /// A value of Allow-Events.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func eventType(_ range: ByteRange) throws(MessageDefect) -> EventIndex {
        try EventIndex(base, range, .allowEvents)
    }

    /// Subscription-State, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var subscriptionState: SubscriptionStateIndex? {
        get throws(MessageDefect) {
            guard let value = value(of: .subscriptionState) else { return nil }
            return try SubscriptionStateIndex(base, value)
        }
    }
}
