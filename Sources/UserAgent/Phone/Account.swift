public import Media
public import SIP

/// Who a user agent is, and how it proves that.
public struct Account: Sendable {
    /// The address of record, such as `sip:alice@example.com`.
    public var uri: URI
    /// The name to show to those who are called.
    public var displayName: String?
    /// The user name for authentication; the user of the URI when nil.
    public var authenticationUser: String?
    /// The password.
    public var password: String
    /// Where all requests go first; nil sends them where the domain of the URI leads.
    public var proxy: URI?
    /// How long a binding is asked for.
    public var expires = Duration.seconds(3_600)

    /// Whether and how the media of calls is encrypted.
    public var encryption = MediaEncryption.off

    /// Whether and how calls find their way for media.
    public var ice = ICEPolicy.off

    /// Who is told how each call was heard, when it is over (`application/vq-rtcpxr`, RFC 6035); nil for nobody.
    public var qualityCollector: URI?

    /// Whether the registrar is asked to bind the account to the flow that it is registered by (RFC 5626), when the agent has an
    /// instance (`UserAgent.Options.instance`).
    public var allowsOutbound = true

    /// Makes an account.
    ///
    /// - Throws: `MessageDefect` when the text is no SIP URI with a user.
    public init(_ uri: String, password: String = "", proxy: String? = nil) throws(MessageDefect) {
        self.uri = try URI(uri)
        guard self.uri.index.isSIP, self.uri.user != nil else {
            throw MessageDefect(.uri, "An account needs a SIP URI with a user, such as sip:alice@example.com")
        }
        self.password = password
        self.proxy = try proxy.map { (text) throws(MessageDefect) in try URI(text) }
    }
}

extension Account: CustomStringConvertible {
    /// The address; never the password.
    public var description: String { uri.description }
}
