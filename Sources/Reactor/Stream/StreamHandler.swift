/// Is told what happens on streams.
///
/// Called on the threads of the streams, for one connection never at the same time: hand over to a lane and return. For each
/// connection `opened` comes first and `closed` last, both once; a connection that could not be made has `closed` only.
public protocol StreamHandler: AnyObject, Sendable {
    /// A connection was accepted, or one of ours has been made.
    func opened(_ connection: StreamConnection)

    /// Whole frames have come, in their order; all that one read has completed.
    func received(_ frames: [[UInt8]], on connection: StreamConnection)

    /// The stream makes no sense any more; nothing more is read from it. It can still be answered, and is closed when the handler does
    /// so, or after `StreamConfiguration.closeTime`.
    func misframed(_ error: StreamFramingError, on connection: StreamConnection)

    /// The peer has closed its sending side, perhaps all. Unless the handler does something else, what was given to the connection is
    /// sent, and it is closed; where answers are owed (`StreamConnection.owe`) it is closed after the last of them. It is closed after
    /// `StreamConfiguration.halfClosedTime` at the latest.
    func inputEnded(on connection: StreamConnection)

    /// Few bytes wait for the peer to read them, as `StreamConnection.askDrained` has asked.
    func drained(_ connection: StreamConnection)

    /// A connection that was accepted has not come to be open: its handshake failed, or took too long. Nothing else is told of it.
    func refused(_ connection: StreamConnection, _ reason: StreamCloseReason)

    /// The connection is no more.
    func closed(_ connection: StreamConnection, _ reason: StreamCloseReason)
}

extension StreamHandler {
    /// Closes our side too, when all that is owed is given.
    public func inputEnded(on connection: StreamConnection) {
        if !connection.owesAnswers { connection.close() }
    }

    /// Nothing to do.
    public func drained(_ connection: StreamConnection) {}

    /// Nothing to do.
    public func refused(_ connection: StreamConnection, _ reason: StreamCloseReason) {}
}

/// Why a connection is no more.
public enum StreamCloseReason: Error, Hashable, Sendable {
    /// We have closed it.
    case local
    /// The peer has closed it.
    case remote
    /// The peer or the network has broken it.
    case failed(SocketError)
    /// It could not be made.
    case notConnected(SocketError)
    /// It could not be secured, or its peer is not who it should be.
    case notSecured(TLSFailure)
    /// Its peer did not come to speak WebSocket, for the reason.
    case notUpgraded(String)
    /// The peer gave no sign of life when it was asked (`WebSocketConfiguration.pingInterval`).
    case unanswered
    /// Nothing has come or gone for `StreamConfiguration.idleTime`.
    case idle
    /// The peer has not finished a frame within `StreamConfiguration.frameTime`.
    case unfinishedFrame
    /// The peer reads too slowly: more than `StreamConfiguration.outboundLimit` bytes would wait for it.
    case slowReader
    /// The stream made no sense.
    case misframed(StreamFramingError)
    /// The threads of the streams have been shut down.
    case shutdown
}

extension StreamCloseReason: CustomStringConvertible {
    /// Whether the connection never came to be open for its peer's sake.
    var isRefusal: Bool {
        switch self {
        case .notSecured, .notUpgraded: true
        default: false
        }
    }

    /// The reason for a person.
    public var description: String {
        switch self {
        case .local: "closed by us"
        case .remote: "closed by the peer"
        case .failed(let error): "broken: \(error)"
        case .notConnected(let error): "not connected: \(error)"
        case .notSecured(let failure): "not secured: \(failure)"
        case .notUpgraded(let reason): "no WebSocket: \(reason)"
        case .unanswered: "the peer gave no sign of life"
        case .idle: "idle for too long"
        case .unfinishedFrame: "the peer did not finish a frame in time"
        case .slowReader: "the peer reads too slowly"
        case .misframed(let error): "unreadable: \(error.reason)"
        case .shutdown: "shut down"
        }
    }
}
