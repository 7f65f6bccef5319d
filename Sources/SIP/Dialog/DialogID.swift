/// The name of a dialog at one of its two ends: Call-ID, own tag and the peer's tag (RFC 3261 §12).
///
/// At the other end the tags are exchanged. A tag is empty where an RFC 2543 peer sends none. All parts are compared byte by
/// byte.
public struct DialogID: Hashable, Sendable {
    /// The Call-ID.
    public var callID: [UInt8]
    /// The tag that this end chose.
    public var localTag: [UInt8]
    /// The tag that the peer chose; empty if it has none.
    public var remoteTag: [UInt8]

    /// A name of its parts.
    public init(callID: [UInt8], localTag: [UInt8], remoteTag: [UInt8]) {
        self.callID = callID
        self.localTag = localTag
        self.remoteTag = remoteTag
    }

    /// The dialog that a received request belongs to, if it belongs to one: its To tag is ours, its From tag the peer's.
    ///
    /// - Throws: `MessageDefect` if From, To or Call-ID is missing or malformed.
    public init(receiving request: MessageView) throws(MessageDefect) {
        self.init(
            callID: request.array(try request.callID), localTag: request.array(try request.to.tag),
            remoteTag: request.array(try request.from.tag))
    }

    /// The dialog that a received response belongs to: its From tag is ours, its To tag the peer's.
    ///
    /// - Throws: `MessageDefect` if From, To or Call-ID is missing or malformed.
    public init(answering response: MessageView) throws(MessageDefect) {
        self.init(
            callID: response.array(try response.callID), localTag: response.array(try response.from.tag),
            remoteTag: response.array(try response.to.tag))
    }
}
