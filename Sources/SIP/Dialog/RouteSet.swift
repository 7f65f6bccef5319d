/// The servers that requests of a dialog pass, in order (RFC 3261 §12).
public struct RouteSet: Hashable, Sendable {
    /// The URIs with all their parameters, the nearest first.
    public var uris: [URI]

    /// A route set of URIs; by default the empty one.
    public init(_ uris: [URI] = []) {
        self.uris = uris
    }

    /// The route set that a callee takes from a request: Record-Route in order (RFC 3261 §12.1.1).
    ///
    /// - Throws: `MessageDefect` if a value is malformed.
    public init(receiving request: MessageView) throws(MessageDefect) {
        uris = try Self.recordRoute(request)
    }

    /// The route set that a caller takes from a response: Record-Route in reverse order (RFC 3261 §12.1.2).
    ///
    /// - Throws: `MessageDefect` if a value is malformed.
    public init(answering response: MessageView) throws(MessageDefect) {
        uris = try Self.recordRoute(response).reversed()
    }

    private static func recordRoute(_ message: MessageView) throws(MessageDefect) -> [URI] {
        var uris: [URI] = []
        var values = message.values(of: .recordRoute)
        while let value = values.next() {
            let address = try message.address(value)
            uris.append(try URI(message, address.uri))
        }
        return uris
    }

    /// Whether the first server routes loosely, or there is none (RFC 3261 §12.2.1.1, `lr`).
    public var isLoose: Bool { uris.first.map { $0.parameter("lr") != nil } ?? true }
}
