/// Where a request goes that is redirected: the addresses of 3xx responses, the best first, each once (RFC 3261 §8.1.3.4).
public struct RedirectTargets: Hashable, Sendable {
    /// The most addresses that one request is sent to, the first one included: 10.
    public static let mostTargets = 10

    private var tried: [URI]
    private var waiting: [(uri: URI, quality: Int)] = []
    private let isSecure: Bool

    /// The targets of a request to a URI.
    public init(_ uri: URI) {
        tried = [uri]
        isSecure = uri.scheme == .sips
    }

    /// Takes the addresses of a 300, 301 or 302. Those of a 305 and 380 say something else and are not taken; nor is a SIP URI
    /// where a SIPS URI was wanted.
    public mutating func receive(_ response: MessageView) {
        guard [300, 301, 302].contains(response.statusCode.rawValue) else { return }
        for value in response.values(of: .contact) {
            guard let contact = try? response.contact(value), !contact.address.isWildcard,
                let uri = try? URI(response, contact.address.uri).asRequestURI, uri.index.isSIP,
                !isSecure || uri.scheme == .sips, tried.count + waiting.count < Self.mostTargets,
                !tried.contains(where: { $0.isEquivalent(to: uri) }),
                !waiting.contains(where: { $0.uri.isEquivalent(to: uri) })
            else { continue }
            // Behind those of the same weight.
            let place = waiting.firstIndex { $0.quality < contact.quality } ?? waiting.endIndex
            waiting.insert((uri, contact.quality), at: place)
        }
    }

    /// The next address, nil when all were tried.
    public mutating func next() -> URI? {
        guard !waiting.isEmpty else { return nil }
        let uri = waiting.removeFirst().uri
        tried.append(uri)
        return uri
    }

    public static func == (a: RedirectTargets, b: RedirectTargets) -> Bool {
        a.tried == b.tried && a.waiting.map(\.uri) == b.waiting.map(\.uri)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(tried) }
}
