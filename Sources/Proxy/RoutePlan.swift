public import SIP
public import SIPEndpoint

/// What the Route header of a request means for us: how many of its values are ours, what proves them, and where the
/// request goes next (RFC 3261 §16.4, §16.6 steps 6 and 7).
public struct RoutePlan {
    /// How many values at the top of Route are ours and are taken away.
    public var ownValues = 0
    /// Whether the Request-URI is one that we put into Record-Route, as an RFC 2543 strict router leaves it.
    public var requestURIIsOurs = false
    /// The token of our Route value, when it is one that we made for this Call-ID.
    public var token: RouteToken?
    /// Whether a value of ours had a token that we did not make, or none.
    public var hasForgedToken = false
    /// The flow that our Route value names, when that is a Path value of ours (RFC 5626 §5.3).
    public var flow: Flow?
    /// The first Route value that is not ours.
    public var next: AddressIndex?
    /// The URI of `next`.
    public var nextURI: URIIndex?
    /// Whether `next` is a loose router.
    public var nextIsLoose = true
    /// The last Route value: it becomes the Request-URI when that is ours.
    public var last: AddressIndex?

    /// Whether a request with a Path value of ours comes from the phone itself, as it comes by the flow (RFC 5626 §5.3).
    public func isOutgoing(_ arrival: Flow) -> Bool {
        flow.map { $0.remote == arrival.remote && $0.connection == arrival.connection } ?? false
    }

    /// Whether any Route value beyond ours is there.
    public var hasNext: Bool { next != nil }
}

extension RoutePlan {
    /// Reads the Route header.
    ///
    /// - Parameter isOurs: whether a URI names this element: the host, port and transport of a listener.
    /// - Throws: `MessageDefect` when a Route value is malformed.
    public init(
        _ view: MessageView, key: SipHash, isOurs: (URIIndex) -> Bool
    ) throws(MessageDefect) {
        let callID = view.bytes(try view.callID)
        if let uri = try? view.requestURI, uri.isSIP, !uri.user.isEmpty, isOurs(uri),
            let found = RouteToken(view.bytes(uri.user), callID: callID, key: key)
        {
            requestURIIsOurs = true
            token = found
        }
        var atTop = true
        var values = view.values(of: .route)
        while let value = values.next() {
            let address = try view.address(value)
            let uri = try view.uri(address.uri)
            last = address
            if atTop, isOurs(uri) {
                ownValues += 1
                let user = view.bytes(uri.user)
                if let found = RouteToken(user, callID: callID, key: key) {
                    token = found
                } else if let found = FlowToken.read(user, key: key) {
                    flow = found
                } else {
                    hasForgedToken = true
                }
            } else if atTop {
                atTop = false
                next = address
                nextURI = uri
                nextIsLoose = view.parameters(uri.parameters).first("lr") != nil
            }
        }
    }
}
