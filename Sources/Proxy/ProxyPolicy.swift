public import Routing
public import SIP
public import SIPEndpoint

/// What a proxy asks whoever knows domains and users. It is asked on the lane of the call.
public protocol ProxyPolicy: AnyObject {
    /// The targets that stand for a URI out of a 3xx, the URI itself or the contacts of a user of ours (RFC 3261 §16.5).
    ///
    /// - Parameters:
    ///   - uri: the URI, without what is not allowed in a Request-URI.
    ///   - request: the request that was redirected.
    /// - Returns: nothing when the proxy must not go there on the caller's behalf; the caller then gets the 3xx.
    func targets(for uri: URI, redirecting request: MessageView) -> [ProxyTarget]

    /// Nothing arrives any more by the flow of a binding: a connection that is gone, or an address that does not take
    /// datagrams (RFC 5626 §7).
    func failed(_ flow: Flow, of request: MessageView)

    /// Where an end of a dialog is now, whose flow is no more (RFC 5626 §5.3): by what it has registered since, and to be found by
    /// the request that cannot reach it. Nothing when that is not known.
    func ways(of request: MessageView, around flow: Flow) -> [ProxyTarget]

    /// Has a user agent woken that a request waits for; false when nobody can. What comes of it is told by
    /// `Proxy.awake(_:in:_:)`.
    func wake(_ target: PushTarget) -> Bool

    /// A 2xx to an INVITE goes back: the first, and each other that comes, repetitions too.
    func answered(_ response: MessageView)

    /// An INVITE or BYE that was forwarded has its final response, or will have none.
    ///
    /// - Parameter status: the best of the responses; 408 where none came in time, 503 where nothing could be sent.
    func concluded(_ request: MessageView, _ status: StatusCode)

    /// Whether the host of a URI is a domain of ours (RFC 3261 §16.5).
    func isResponsible(forHost host: UnsafeRawBufferPointer) -> Bool
}

extension ProxyPolicy {
    /// None are known.
    public func ways(of request: MessageView, around flow: Flow) -> [ProxyTarget] { [] }

    /// Nobody is woken.
    public func wake(_ target: PushTarget) -> Bool { false }

    /// Nothing to do.
    public func concluded(_ request: MessageView, _ status: StatusCode) {}

    /// Nothing to do.
    public func answered(_ response: MessageView) {}
}
