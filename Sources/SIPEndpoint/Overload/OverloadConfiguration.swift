public import SIP

/// What is done when there is more to do than can be done, here or at a next hop (RFC 7339, RFC 7415).
public struct OverloadConfiguration: Sendable {
    /// Whether new requests are refused when a lane is overloaded.
    public var sheds = false
    /// When a lane counts as overloaded.
    public var settings = OverloadController.Settings()
    /// How clients that take part are told to reduce, where they can do that; else by `loss`.
    public var algorithm = OverloadAlgorithms.loss
    /// Whether clients that ask for it are told how much to send; if not, they are refused like all others.
    public var givesFeedback = true
    /// Whether requests to servers offer them to say how much is sent, and what they say is kept to.
    public var isOffered = false
    /// Whether they are offered a rate beside the loss that all must know (RFC 7415 §3.3). The two stand in one quoted list, and there
    /// are servers that take a Via apart at its comma and drop the request, such as Kamailio 5.6.
    public var offersRate = false
    /// How long a client keeps to what it was told: longer than it takes to decide anew. To a rate it keeps until it has sent some
    /// requests, so that it hears from them what is next before it believes that all is over.
    public var validity: Duration = .milliseconds(500)
    /// The longest that a client keeps to a rate.
    public var longestValidity: Duration = .seconds(5)
    /// Values of Resource-Priority whose requests are given up last, in small letters (RFC 4412, RFC 7339 §5.10.1).
    public var priorities: [[UInt8]] = []
    /// Time of the processor that each request is made to take, to try all this; zero but in trials.
    public var trialCost: Duration = .zero
    /// The lanes of this element, which share what a client may send and what a server allows.
    public var laneCount = 1

    /// The most servers whose limits are kept at once; one whose limit ended first makes room.
    public static let serverLimit = 1_024
    /// The most clients that are told a rate of their own at once; others are told the mean of those.
    public static let clientLimit = 1_024

    public init() {}

    /// How long a client keeps to a limit (RFC 7339 §4.3).
    func validity(of limit: OverloadFeedback.Limit) -> Duration {
        guard case .rate(let rate) = limit else { return validity }
        return max(validity, min(.seconds(Self.requestsWithinValidity) / max(1, rate), longestValidity))
    }

    /// Requests that a client at its rate sends before the limit ends.
    private static let requestsWithinValidity = 5
}
