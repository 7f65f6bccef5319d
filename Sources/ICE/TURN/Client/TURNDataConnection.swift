/// A client's side of a connection for data with a TURN server (RFC 6062 §4.3 to §4.6): a ConnectionBind request that names a peer's
/// connection, and behind its answer what the peer and this side send each other, as it is.
///
/// A machine as ``TURNClient`` is. Its connection goes to the address of the server that ``TURNClient`` is connected with, from another
/// port; who has enough closes it.
///
/// ```
///            start              success
///   +------+       +---------+             +-------+
///   | idle | ----> | binding | ----------> | bound |  <--> peer
///   +------+       +---------+             +-------+
///                    |  ^  |  refusal, 30 s over    +-------+
///                    +--+  +----------------------> | ended |
///                  401, 438                         +-------+
/// ```
public struct TURNDataConnection: Sendable {
    public typealias Instant = ContinuousClock.Instant

    /// What to do, in order.
    public enum Output: Hashable, Sendable {
        /// Send octets to the server.
        case send([UInt8])
        /// What is sent and comes from now on is the peer's.
        case bound
        /// The peer has sent data.
        case data([UInt8])
        /// The peer's connection is not to be had: close this one.
        case failed(TURNClient.Failure)
    }

    /// How long a server keeps a peer's connection that nobody binds one to: 30 s (RFC 6062 §5.2, §5.3).
    public static let bindingLimit = Duration.seconds(30)
    /// The longest message that is taken from the server, octets: longer than any answer with the longest realm and nonce.
    public static let longestMessage = 4_096

    private enum State { case idle, binding, bound, ended }

    /// What names the peer's connection.
    public let id: UInt32
    private let expires: Instant
    private let hash: STUNHash
    private let random: @Sendable () -> UInt64
    private let timing: STUNClientTransaction.Timing
    private var credentials: LongTermCredentials
    private var state = State.idle
    private var transaction: STUNClientTransaction?
    /// The nonce that the request was proven with.
    private var proof: [UInt8]?
    private var buffer: [UInt8] = []
    private var outputs: [Output] = []

    /// A connection that is yet to be made.
    ///
    /// - Parameters:
    ///   - id: what ``TURNClient`` has told.
    ///   - told: when it has.
    ///   - credentials: those of the client, with what it has learned.
    ///   - random: numbers that nobody can guess.
    public init(
        _ id: UInt32, told: Instant, credentials: LongTermCredentials,
        timing: STUNClientTransaction.Timing = .init(), hash: STUNHash, random: @escaping @Sendable () -> UInt64
    ) {
        self.id = id
        self.credentials = credentials
        self.hash = hash
        self.random = random
        self.timing = timing
        expires = told + Self.bindingLimit
    }

    /// Whether data goes by it.
    public var isBound: Bool { state == .bound }

    /// What is to be done since this was asked last.
    public mutating func takeOutputs() -> [Output] {
        let taken = outputs
        outputs = []
        return taken
    }

    /// When ``fire(_:)`` is to be called next; nil when nothing is under way.
    public var deadline: Instant? {
        switch state {
        case .idle: expires
        case .binding: min(transaction?.deadline ?? expires, expires)
        case .bound, .ended: nil
        }
    }

    /// The connection is made.
    public mutating func start(_ now: Instant) {
        guard state == .idle else { return }
        state = .binding
        ask(now)
    }

    /// Time has passed.
    public mutating func fire(_ now: Instant) {
        guard let deadline, deadline <= now else { return }
        end(.timeout)
    }

    /// Sends data to the peer; false when nothing is bound, and it is not sent.
    public mutating func send(_ data: [UInt8]) -> Bool {
        guard state == .bound else { return false }
        outputs.append(.send(data))
        return true
    }

    /// Takes octets of the server as they come; what follows the answer is the peer's.
    public mutating func receive(_ bytes: [UInt8], now: Instant) {
        guard state == .binding else {
            if state == .bound, !bytes.isEmpty { outputs.append(.data(bytes)) }
            return
        }
        buffer += bytes
        while state == .binding, buffer.count >= STUNMessage.headerLength {
            guard let size = STUNMessage.length(inStream: buffer.span.bytes), size <= Self.longestMessage else {
                return end(.malformed)
            }
            guard size <= buffer.count else { return }
            let message = [UInt8](buffer[..<size])
            buffer.removeFirst(size)
            take(message, now)
        }
        guard state == .bound, !buffer.isEmpty else { return }
        outputs.append(.data(buffer))
        buffer = []
    }

    private mutating func take(_ octets: [UInt8], _ now: Instant) {
        let bytes = octets.span.bytes
        guard let message = try? STUNMessage(parsing: bytes) else { return end(.malformed) }
        guard message.transaction == transaction?.id, message.kind == .success || message.kind == .error else { return }
        switch credentials.judge(message, provenWith: proof, hash, in: bytes) {
        // A connection does not bring another answer (RFC 8489 §9.2.5).
        case .discarded: end(.integrity)
        case .refused: end(.credentials)
        case .retry: ask(now)
        case .accepted:
            guard message.unknown(besides: STUNAttribute.ofTURN, in: bytes).isEmpty else { return end(.malformed) }
            guard message.kind == .success else {
                let error = message.error(in: bytes) ?? .serverError
                return end(error == .wrongCredentials ? .credentials : .refused(error))
            }
            state = .bound
            transaction = nil
            outputs.append(.bound)
        }
    }

    private mutating func ask(_ now: Instant) {
        let name = STUNTransactionID(upper: UInt32(truncatingIfNeeded: random()), lower: random())
        let room = 3 * LongTermCredentials.longestText
        let request = STUNWriter.message(.request, .connectionBind, name, room: room) { writer, bytes in
            try writer.add(.connectionID, id, into: &bytes)
            try credentials.prove(&writer, hash, into: &bytes)
            try writer.addFingerprint(into: &bytes)
        }
        guard let request else { return end(.malformed) }
        transaction = STUNClientTransaction(name, isReliable: true, timing: timing, now: now)
        proof = credentials.key == nil ? nil : credentials.nonce
        outputs.append(.send(request))
    }

    private mutating func end(_ failure: TURNClient.Failure) {
        state = .ended
        transaction = nil
        buffer = []
        outputs.append(.failed(failure))
    }
}
