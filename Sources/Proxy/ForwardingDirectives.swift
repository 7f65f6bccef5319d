public import Routing

/// What a caller can want to be done otherwise with a forwarded request (RFC 3841 §9.1), and what it takes.
public struct ForwardingDirectives: Sendable, Hashable {
    /// Whether redirections are followed.
    public var followsRedirections = true
    /// Whether those who ring in vain are cancelled when somebody has answered.
    public var cancelsLosers = true
    /// Whether the dialog that begins is record-routed in any case (RFC 5627 §6.2).
    public var recordsRoute = false

    /// Whether the media of the call that begins goes through the relay.
    public var media = MediaMode.direct
    /// How the leg of the callee is encrypted then.
    public var mediaEncryption = MediaLegEncryption.pass

    public init() {}
}
