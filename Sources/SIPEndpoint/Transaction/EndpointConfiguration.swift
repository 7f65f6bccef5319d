public import SIP

/// What the SIP layers of an endpoint may be told.
public struct EndpointConfiguration: Sendable {
    /// The timers of transactions.
    public var timers = TransactionTimers()
    /// What a message may measure.
    public var limits = MessageLimits()
    /// Bytes of a request above which it goes by TCP instead of UDP (RFC 3261 §18.1.1: within 200 of the path MTU, or
    /// 1,300 when that is unknown).
    public var datagramThreshold = 1_300
    /// Transactions a lane may hold; beyond it new requests are answered 503.
    public var transactionLimit = 2_000_000
    /// How long targets rest that have failed.
    public var health = TargetHealth.Configuration()
    /// What is done under overload.
    public var overload = OverloadConfiguration()
    /// The value of Server and User-Agent; empty writes none.
    public var softwareName = "Itodenwa"

    public init() {}
}

/// What a lane's SIP layers have counted since start.
public struct EndpointCounters: Sendable, Hashable {
    public var requestsReceived: UInt64 = 0
    public var responsesReceived: UInt64 = 0
    public var requestsSent: UInt64 = 0
    public var responsesSent: UInt64 = 0
    public var retransmissionsReceived: UInt64 = 0
    public var retransmissionsSent: UInt64 = 0
    /// Datagrams that are no SIP, or responses too broken to use.
    public var malformed: UInt64 = 0
    /// Requests answered with 4xx or 5xx because they were broken.
    public var rejected: UInt64 = 0
    /// Responses that match no transaction.
    public var strayResponses: UInt64 = 0
    /// Keep-alive datagrams.
    public var keepAlives: UInt64 = 0
    /// New requests refused since the lane held too many transactions.
    public var shed: UInt64 = 0
    /// New requests refused since the lane was overloaded.
    public var overloadShed: UInt64 = 0
    /// Requests that were not sent to a server since it has asked for less.
    public var throttled: UInt64 = 0
    public var serverTransactions: UInt64 = 0
    public var clientTransactions: UInt64 = 0
    public var timeouts: UInt64 = 0
    public var transportFailures: UInt64 = 0
    /// Messages that found no room to be sent.
    public var sendFailures: UInt64 = 0

    public init() {}

    /// All counters with their names, in a fixed order.
    public var all: [(name: String, value: UInt64)] {
        [
            ("requestsReceived", requestsReceived),
            ("responsesReceived", responsesReceived),
            ("requestsSent", requestsSent),
            ("responsesSent", responsesSent),
            ("retransmissionsReceived", retransmissionsReceived),
            ("retransmissionsSent", retransmissionsSent),
            ("malformed", malformed),
            ("rejected", rejected),
            ("strayResponses", strayResponses),
            ("keepAlives", keepAlives),
            ("shed", shed),
            ("overloadShed", overloadShed),
            ("throttled", throttled),
            ("serverTransactions", serverTransactions),
            ("clientTransactions", clientTransactions),
            ("timeouts", timeouts),
            ("transportFailures", transportFailures),
            ("sendFailures", sendFailures),
        ]
    }

    /// Adds the counts of another lane.
    public mutating func add(_ other: EndpointCounters) {
        requestsReceived &+= other.requestsReceived
        responsesReceived &+= other.responsesReceived
        requestsSent &+= other.requestsSent
        responsesSent &+= other.responsesSent
        retransmissionsReceived &+= other.retransmissionsReceived
        retransmissionsSent &+= other.retransmissionsSent
        malformed &+= other.malformed
        rejected &+= other.rejected
        strayResponses &+= other.strayResponses
        keepAlives &+= other.keepAlives
        shed &+= other.shed
        overloadShed &+= other.overloadShed
        throttled &+= other.throttled
        serverTransactions &+= other.serverTransactions
        clientTransactions &+= other.clientTransactions
        timeouts &+= other.timeouts
        transportFailures &+= other.transportFailures
        sendFailures &+= other.sendFailures
    }
}
