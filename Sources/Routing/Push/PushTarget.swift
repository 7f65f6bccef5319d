public import SIP

/// What a push notification service needs to wake a user agent: the `pn-…` parameters of its contact (RFC 8599 §4.1.1).
public struct PushTarget: Hashable, Sendable {
    /// The type of the service, in small letters, such as `apns`, `fcm` or `webpush` (`pn-provider`).
    public var provider: String
    /// What names the user agent there, the Push Resource ID (`pn-prid`).
    public var resourceID: String
    /// What else the service needs, such as the name of the application; nil for nothing (`pn-param`).
    public var parameter: String?

    public init(provider: String, resourceID: String, parameter: String? = nil) {
        self.provider = provider.lowercased()
        self.resourceID = resourceID
        self.parameter = parameter
    }

    /// Reads a contact URI; nil when it asks for no push notifications.
    public init?(contact: [UInt8]) {
        guard let uri = try? URI(contact), uri.index.isSIP else { return nil }
        self.init(uri)
    }

    /// Reads a URI; nil when it asks for no push notifications.
    public init?(_ uri: URI) {
        guard let provider = uri.parameter("pn-provider"), !provider.isEmpty,
            let resourceID = uri.parameter("pn-prid"), !resourceID.isEmpty
        else { return nil }
        self.init(provider: provider, resourceID: resourceID, parameter: uri.parameter("pn-param"))
    }
}

/// Why a user agent is woken.
public enum PushReason: String, Sendable, Hashable {
    /// A request waits for it.
    case request
    /// Its binding is about to end (RFC 8599 §5.5).
    case refresh
}

/// Asks push notification services to wake user agents (RFC 8599 §5.1); safe to call from any lane, and never blocks.
public protocol PushSender: AnyObject, Sendable {
    /// Asks for a notification.
    ///
    /// - Parameter completion: told, from any thread, whether the service has taken it.
    func send(_ target: PushTarget, _ reason: PushReason, _ completion: @escaping @Sendable (Bool) -> Void)
}
