public import SIP

/// Route values that a proxy puts into a request: the Path of a binding (RFC 3327 §5.4).
public struct PreloadedRoute: Sendable, Hashable {
    /// All values, separated by commas.
    public let list: [UInt8]
    /// The URI of the first, where the request goes.
    public let first: URI
    /// Whether the first is a loose router; a strict one gets its own URI as the Request-URI (RFC 3261 §16.6 step 6).
    public let isLoose: Bool
    /// Where the values behind the first begin in the list; its end when there are none.
    private let restStart: Int

    /// Takes a list of values in angle brackets; nil when the first is no SIP URI.
    public init?(_ list: [UInt8]) {
        guard list.first == UInt8(ascii: "<"), let end = list.firstIndex(of: UInt8(ascii: ">")),
            let uri = try? URI(Array(list[1..<end])), uri.index.isSIP
        else { return nil }
        self.list = list
        first = uri
        isLoose = uri.parameter("lr") != nil
        // The parameters of a Route value have no angle brackets.
        let next = list[end...].firstIndex(of: UInt8(ascii: "<"))
        restStart = next ?? list.count
    }

    /// The values behind the first.
    var rest: ArraySlice<UInt8> { list[restStart...] }

    /// Writes the Route field of a request to a target, line end included.
    func write(to target: [UInt8], into writer: inout ByteWriter) {
        writer.append("Route: ")
        if isLoose {
            writer.append(list)
        } else {
            writer.append(Array(rest))
            if !rest.isEmpty { writer.append(UInt8(ascii: ",")) }
            writer.append(UInt8(ascii: "<"))
            writer.append(target)
            writer.append(UInt8(ascii: ">"))
        }
        writer.append("\r\n")
    }
}
