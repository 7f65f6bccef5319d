public import SIPEndpoint

/// A dialog that is to be ended in place of its ends, since its media does not go on, with what a proxy on its way has seen of it
/// (RFC 3261 §12).
public struct DialogEnding: Sendable, Hashable {
    /// Why it is ended.
    public enum Cause: Sendable, Hashable, CaseIterable {
        /// Neither end was heard for too long.
        case silence
        /// There are no keys for what has to be encrypted.
        case insecurity
    }

    /// An end of the dialog.
    public struct End: Sendable, Hashable {
        /// What names it in From and To, with its tag.
        public var address: [UInt8]
        /// The URI that it is reached by, of its last Contact; empty when it has told none.
        public var target: [UInt8]
        /// The highest CSeq of its own requests that was seen; 0 when none was.
        public var sequence: UInt32
        /// The values of Record-Route that came from its side, in their order: the caller's in its INVITE, the callee's in its 2xx, where
        /// those of this server and of the caller's side follow.
        public var recordRoutes: [[UInt8]]
        /// The flow by which it was reached when the dialog began.
        public var flow: Flow

        public init(
            address: [UInt8], target: [UInt8], sequence: UInt32, recordRoutes: [[UInt8]], flow: Flow
        ) {
            self.address = address
            self.target = target
            self.sequence = sequence
            self.recordRoutes = recordRoutes
            self.flow = flow
        }
    }

    /// Why it is ended.
    public var cause: Cause
    /// Its Call-ID.
    public var callID: [UInt8]
    /// Whoever sent the INVITE that began it.
    public var caller: End
    /// Whoever answered that.
    public var callee: End

    public init(cause: Cause, callID: [UInt8], caller: End, callee: End) {
        self.cause = cause
        self.callID = callID
        self.caller = caller
        self.callee = callee
    }
}
