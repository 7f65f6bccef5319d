/// The classes of algorithms by which a client reduces what it sends, as listed in `oc-algo` (RFC 7339 §4.2, RFC 7415 §3.3).
public struct OverloadAlgorithms: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// So many of a hundred requests are not sent (RFC 7339 §7).
    public static let loss = OverloadAlgorithms(rawValue: 1)
    /// So many requests are sent in a second at most (RFC 7415).
    public static let rate = OverloadAlgorithms(rawValue: 2)

    /// What a client can do whose topmost Via this is; empty when it takes no part, or names no algorithm that is known here.
    public init(_ view: MessageView, _ via: ViaIndex) {
        self = via.hasOverloadControl ? OverloadParameters(view, via).algorithms ?? [] : []
    }
}
