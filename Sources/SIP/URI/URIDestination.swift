/// What in a `sip` URI decides where requests for it go (RFC 3263 §4), as it stands in memory: for those who want to know
/// without making strings.
public struct URIDestination {
    /// The host, an IPv6 address with its brackets. Valid as long as the message or URI that it is of.
    public let host: UnsafeRawBufferPointer
    /// The port, nil when none is written.
    public let port: UInt16?
    /// The transport parameter, nil when there is none.
    public let transport: TransportName?

    /// Reads a URI; nil when its scheme is another one, or it has the parameter `maddr`.
    init?(_ base: UnsafePointer<UInt8>, _ uri: URIIndex) {
        guard uri.scheme == .sip else { return nil }
        let parameters = Parameters(base, uri.parameters)
        guard parameters.first("maddr") == nil else { return nil }
        host = UnsafeRawBufferPointer(start: base + uri.host.lowerBound, count: Int(uri.host.count))
        port = uri.hasPort ? uri.port : nil
        transport = parameters.first("transport").map { TransportName(base, $0.value) }
    }
}

extension MessageView {
    /// Where requests for a URI of this message go; nil when the scheme is not `sip`, or there is a parameter `maddr`.
    public func destination(of uri: URIIndex) -> URIDestination? { URIDestination(base, uri) }
}

extension URI {
    /// Calls `body` with where requests for this URI go; nil when the scheme is not `sip`, or there is a parameter `maddr`.
    public func withDestination<Result>(_ body: (URIDestination) -> Result?) -> Result? {
        bytes.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.flatMap { URIDestination($0, index) }.flatMap(body)
        }
    }
}
