/// A dialog at one of its ends (RFC 3261 §12): what is needed to send requests to the peer and to judge the peer's requests.
///
/// A value without timers. ``OutgoingInvite`` and ``IncomingInvite`` make dialogs and run what INVITE adds.
public struct Dialog: Sendable {
    /// How far the dialog is.
    public enum State: UInt8, Hashable, Sendable {
        /// Made by a provisional response.
        case early
        /// Made or confirmed by a 2xx.
        case confirmed
        /// Over.
        case terminated
    }

    /// Call-ID and tags.
    public let id: DialogID

    /// How far the dialog is.
    public internal(set) var state: State

    /// The value of From in our requests, of To in those of the peer.
    public let local: [UInt8]

    /// The value of To in our requests, of From in those of the peer.
    public let remote: [UInt8]

    /// The number of our last request, nil before the first.
    public private(set) var localSequence: UInt32?

    /// The number of the peer's last request, nil before the first.
    public private(set) var remoteSequence: UInt32?

    /// The URI of the peer, which our requests carry as Request-URI.
    public private(set) var remoteTarget: URI

    /// The servers that our requests pass.
    public private(set) var routeSet: RouteSet

    /// Whether the request that made the dialog went over TLS to a SIPS URI; our Contact must be a SIPS URI then (RFC 3261
    /// §12.1.1, §12.2.1.1).
    public let isSecure: Bool

    /// The highest CSeq number, 2^31 - 1 (RFC 3261 §8.1.1.5).
    public static let highestSequence = UInt32(Int32.max)

    /// The dialog that a response makes for the caller (RFC 3261 §12.1.2).
    ///
    /// A response without Contact, which RFC 3261 does not allow, leaves the Request-URI as the target; in early dialogs the 2xx
    /// will put that right.
    ///
    /// - Parameters:
    ///   - request: the request as it was sent.
    ///   - response: a response of 101 to 199 with a To tag, or a 2xx.
    ///   - isSecureTransport: whether the request went over TLS.
    /// - Throws: `MessageDefect` if a part is missing or malformed.
    public init(
        request: MessageView, answeredBy response: MessageView, isSecureTransport: Bool = false
    ) throws(MessageDefect) {
        id = try DialogID(answering: response)
        state = response.statusCode.isSuccess ? .confirmed : .early
        local = try Self.fieldValue(.from, of: request)
        remote = try Self.fieldValue(.to, of: response)
        localSequence = try request.cSeq.number
        if let contact = try Self.contact(of: response) {
            remoteTarget = contact
        } else {
            remoteTarget = try URI(request, request.startLine.uriRange)
        }
        routeSet = try RouteSet(answering: response)
        let scheme = try request.requestURI.scheme
        isSecure = isSecureTransport && scheme == .sips
    }

    /// The dialog that a request makes for the callee, with the first response of 101 to 299 that has a To tag (RFC 3261 §12.1.1).
    ///
    /// - Parameters:
    ///   - request: the request as it came.
    ///   - localTag: the To tag of the responses.
    ///   - isConfirmed: whether the response is a 2xx.
    ///   - isSecureTransport: whether the request came over TLS.
    /// - Throws: `MessageDefect` if a part is missing or malformed; Contact is required, but of callers of RFC 2543, whose From has
    ///   no tag.
    public init(
        received request: MessageView, localTag: [UInt8], isConfirmed: Bool, isSecureTransport: Bool = false
    ) throws(MessageDefect) {
        id = DialogID(
            callID: request.array(try request.callID), localTag: localTag,
            remoteTag: request.array(try request.from.tag))
        state = isConfirmed ? .confirmed : .early
        local = try Self.fieldValue(.to, of: request) + Array(";tag=".utf8) + localTag
        remote = try Self.fieldValue(.from, of: request)
        remoteSequence = try request.cSeq.number
        if let contact = try Self.contact(of: request) {
            remoteTarget = contact
        } else if try request.from.tag.isEmpty {
            // A caller of RFC 2543 (§6.13 there) is reached at the address in From (RFC 4475 §3.4.1).
            remoteTarget = try URI(request, request.from.uri)
        } else {
            throw MessageView.missing(.contact)
        }
        routeSet = try RouteSet(receiving: request)
        let scheme = try request.requestURI.scheme
        isSecure = isSecureTransport && scheme == .sips
    }

    /// The dialog that the first NOTIFY of a subscription makes for the subscriber (RFC 6665 §4.4.1).
    ///
    /// - Parameters:
    ///   - request: the NOTIFY as it came; its To tag is the From tag of the SUBSCRIBE.
    ///   - localSequence: the number of the SUBSCRIBE.
    ///   - isSecureTransport: whether the NOTIFY came over TLS.
    /// - Throws: `MessageDefect` if a part is missing or malformed; Contact is required.
    public init(
        notifying request: MessageView, localSequence: UInt32, isSecureTransport: Bool = false
    ) throws(MessageDefect) {
        id = try DialogID(receiving: request)
        state = .confirmed
        local = try Self.fieldValue(.to, of: request)
        remote = try Self.fieldValue(.from, of: request)
        self.localSequence = localSequence
        remoteSequence = try request.cSeq.number
        guard let contact = try Self.contact(of: request) else { throw MessageView.missing(.contact) }
        remoteTarget = contact
        routeSet = try RouteSet(receiving: request)
        isSecure = isSecureTransport && contact.scheme == .sips
    }

    // MARK: Changes

    /// A 2xx came for the INVITE that made this dialog: it is confirmed, even if it was given up before (RFC 6228 §4), and its route
    /// set and target are those of the 2xx (RFC 3261 §13.2.2.4).
    ///
    /// - Throws: `MessageDefect` if Contact or Record-Route is malformed; then nothing changes.
    public mutating func confirm(by response: MessageView) throws(MessageDefect) {
        let routeSet = try RouteSet(answering: response)
        if let contact = try Self.contact(of: response) { remoteTarget = contact }
        self.routeSet = routeSet
        state = .confirmed
    }

    /// Our 2xx was sent: the dialog is confirmed (RFC 3261 §12.1).
    public mutating func confirm() {
        if state == .early { state = .confirmed }
    }

    /// Ends the dialog, as BYE does, or a final response that is no 2xx does to an early one (RFC 3261 §12.3).
    public mutating func terminate() {
        state = .terminated
    }

    /// Takes the peer's new address from the Contact of a target refresh request that we accept, or of a 2xx to one of ours
    /// (RFC 3261 §12.2.1.2, §12.2.2). Without Contact nothing changes.
    ///
    /// - Throws: `MessageDefect` if Contact is malformed.
    public mutating func refreshTarget(from message: MessageView) throws(MessageDefect) {
        if let contact = try Self.contact(of: message) { remoteTarget = contact }
    }

    /// Whether a request of that method changes the peer's address (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4.1).
    public static func isTargetRefresh(_ method: Method) -> Bool {
        method == .invite || method == .update || method == .subscribe || method == .notify
    }

    // MARK: The peer's requests

    /// Whether a request of the peer is in order.
    public enum Order: Hashable, Sendable {
        /// It is, and its number is noted. Gaps are allowed.
        case inOrder
        /// Its number is not above that of an earlier request: 500.
        case outOfOrder
    }

    /// Judges the number of a request that the peer sent in this dialog (RFC 3261 §12.2.2).
    ///
    /// ACK carries the number of its INVITE and is always in order. CANCEL concerns a transaction and never comes here.
    ///
    /// - Throws: `MessageDefect` if CSeq is missing or malformed.
    public mutating func receive(_ request: MessageView) throws(MessageDefect) -> Order {
        let cSeq = try request.cSeq
        guard cSeq.method != .ack else { return .inOrder }
        if let remoteSequence, cSeq.number <= remoteSequence { return .outOfOrder }
        remoteSequence = cSeq.number
        return .inOrder
    }

    // MARK: Responses to our requests

    /// What a response to a request of ours means for the dialog.
    public enum Outcome: Hashable, Sendable {
        /// The dialog goes on.
        case goesOn
        /// The peer does not know the dialog, or does not answer: it is over. Unless the request was BYE, send one (RFC 3261
        /// §12.2.1.2, §15.1.1).
        case lost
    }

    /// Takes a response to a request that was sent in this dialog (RFC 3261 §12.2.1.2).
    ///
    /// - Throws: `MessageDefect` if the Contact of a 2xx is malformed.
    public mutating func receive(_ response: MessageView, to method: Method) throws(MessageDefect) -> Outcome {
        let status = response.statusCode
        if status.isSuccess, Self.isTargetRefresh(method) { try refreshTarget(from: response) }
        if status == 481 || status == 408 { return lose() }
        if status.isFinal, method == .bye { terminate() }
        return .goesOn
    }

    /// A request that was sent in this dialog got no answer, which counts as 408 (RFC 3261 §12.2.1.2).
    public mutating func lose() -> Outcome {
        state = .terminated
        return .lost
    }

    /// The number for the next request, which counts as sent (RFC 3261 §12.2.1.1). It begins with 1.
    public mutating func nextSequence() -> UInt32 {
        let next = min((localSequence ?? 0) + 1, Self.highestSequence)
        localSequence = next
        return next
    }

    // MARK: Parts of messages

    /// The URI of the only Contact, nil if there is none.
    private static func contact(of message: MessageView) throws(MessageDefect) -> URI? {
        var values = message.values(of: .contact)
        guard let value = values.next() else { return nil }
        let address = try message.address(value)
        guard !address.isWildcard else {
            throw MessageDefect(.headerValue, "\"*\" is no address here", header: .contact)
        }
        return try URI(message, address.uri)
    }

    /// The value of a field, on one line.
    private static func fieldValue(_ name: HeaderName, of message: MessageView) throws(MessageDefect) -> [UInt8] {
        guard let value = message.value(of: name) else { throw MessageView.missing(name) }
        return message.bytes(value).map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
    }
}
