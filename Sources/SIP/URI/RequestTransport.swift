extension URI {
    /// The transport that requests for the URI take: SIPS is carried by TLS or secure WebSocket only (RFC 3261 §26.2.2,
    /// RFC 7118 §9.2); without a parameter SIP is carried by UDP.
    public var requestTransport: TransportName { TransportName(of: scheme, parameter: transport) }
}

extension MessageView {
    /// The transport that requests for a URI of the message take.
    public func requestTransport(_ uri: URIIndex) -> TransportName {
        guard !uri.parameters.isEmpty, let found = parameters(uri.parameters).first("transport") else {
            return TransportName(of: uri.scheme, parameter: nil)
        }
        return TransportName(of: uri.scheme, parameter: TransportName(base, found.value))
    }
}

extension TransportName {
    fileprivate init(of scheme: URIIndex.Scheme, parameter: TransportName?) {
        if scheme == .sips {
            self = parameter == .ws || parameter == .wss ? .wss : .tls
        } else {
            self = parameter ?? .udp
        }
    }
}
