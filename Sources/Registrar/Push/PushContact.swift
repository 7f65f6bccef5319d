import SIP

/// What a contact says of push notifications (RFC 8599 §4.1). It borrows from the request.
struct PushContact {
    /// The value of `pn-provider`; empty when it asks for all that there are.
    let provider: UnsafeRawBufferPointer
    /// Whether `pn-prid` is there, so that notifications are wanted; else the contact only asks.
    let isWanted: Bool
    /// Whether the user agent refreshes by itself (`+sip.pnsreg`).
    var refreshesItself = false

    /// Reads the parameters of a contact URI; nil when they say nothing of it.
    init?(_ view: MessageView, _ uri: URIIndex) {
        guard !uri.parameters.isEmpty, uri.isSIP,
            let provider = view.parameters(uri.parameters).first("pn-provider")
        else { return nil }
        self.provider = view.bytes(provider.value)
        isWanted = !(view.parameters(uri.parameters).first("pn-prid")?.value.isEmpty ?? true)
    }
}
