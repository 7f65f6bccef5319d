public import SIP
public import SIPEndpoint

/// Whether the media of a domain's calls goes through the relay of this server.
public enum MediaMode: String, Sendable, Hashable, CaseIterable {
    /// Never: the ends send to each other, by what they tell each other.
    case direct
    /// Where the ends could not reach each other by themselves: one is behind a NAT, or they speak different versions of IP.
    case auto
    /// Always.
    case anchor
}

/// How the leg of a relayed call that faces a user is encrypted.
public enum MediaLegEncryption: String, Sendable, Hashable, CaseIterable {
    /// As the ends agree between them; the relay passes what it cannot read.
    case pass
    /// Not at all, whatever the other leg is.
    case off
    /// By keys in the descriptions where the callee takes them, else not at all (RFC 8643).
    case offer
    /// By keys in the descriptions (RFC 4568).
    case sdes
    /// By a handshake with the relay (RFC 5763).
    case dtls
    /// As a browser wants it where one of the two ends is one, and the leg of the other as that end speaks; else as the ends agree
    /// between them.
    case auto
}

/// How a request of a call is forwarded, as far as its media is concerned.
public struct MediaPassage: Sendable, Hashable {
    /// Tells the response contexts of a lane from each other; 0 for an ACK, which has none.
    public var context: UInt64
    /// The branch of the response context.
    public var branch: Int
    /// The flow that the request came by.
    public var arrival: Flow
    /// The flow that it leaves by.
    public var departure: Flow
    /// Whether the next hop is a contact behind a NAT.
    public var leadsBehindNAT: Bool
    /// Whether the call is to be anchored.
    public var mode: MediaMode
    /// How the leg of the callee is encrypted, where the call is anchored.
    public var encryption = MediaLegEncryption.pass

    public init(
        context: UInt64, branch: Int, arrival: Flow, departure: Flow, leadsBehindNAT: Bool, mode: MediaMode
    ) {
        self.context = context
        self.branch = branch
        self.arrival = arrival
        self.departure = departure
        self.leadsBehindNAT = leadsBehindNAT
        self.mode = mode
    }
}

/// What becomes of the body of a message.
public enum AnchoredBody: Sendable, Hashable {
    /// It goes on as it came.
    case untouched
    /// It is replaced.
    case replaced([UInt8])
    /// The message cannot go on: there are no ports left, or the description cannot be read. Neither a response nor an ACK is refused: what
    /// they must not say is replaced.
    case refused(StatusCode)
}

/// Takes the media of calls through this server: the relay, as the proxy of a lane sees it.
///
/// It is told of each message that can carry an offer or an answer (RFC 3264, RFC 6337), and puts its own addresses where those of the
/// ends stood. It is asked on the lane of the call.
public protocol MediaAnchor: AnyObject {
    /// A request of a call is about to be forwarded.
    func forwards(_ request: MessageView, _ passage: MediaPassage) -> AnchoredBody

    /// A response to such a request is about to be passed back.
    func passes(_ response: MessageView, context: UInt64, branch: Int) -> AnchoredBody

    /// A request of a call has its final response, or will have none.
    ///
    /// - Parameter status: the best of the responses; 408 where none came in time.
    func concluded(_ request: MessageView, _ status: StatusCode, context: UInt64)
}
