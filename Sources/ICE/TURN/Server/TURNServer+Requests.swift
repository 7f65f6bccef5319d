/// Who asks, and how requests are answered (RFC 8489 §9.2.4, RFC 8656 §5).
extension TURNServer {
    /// What a request was proven to be.
    struct Proof: Sendable {
        var user: [UInt8]
        var key: STUNKey
        /// Whether answers are proven by MESSAGE-INTEGRITY-SHA256.
        var isSHA256: Bool
    }

    /// PASSWORD-ALGORITHMS: SHA-256 and MD5, without parameters (RFC 8489 §14.11).
    static let algorithms: [UInt8] = [0, 2, 0, 0, 0, 1, 0, 0]
    /// What must be understood and is. DONT-FRAGMENT is not: the server does not set DF for each datagram (RFC 8656 §7.2, §14).
    static let known = STUNAttribute.ofTURN.subtracting([.dontFragment, .userhash])

    mutating func answer(
        _ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath, into memory: inout MutableRawSpan, now: Instant
    ) -> Outcome {
        if message.fingerprint != nil, !message.isFingerprintRight(in: bytes) { return .nothing }
        switch message.method {
        case .binding:
            guard admits(path, now: now) else { return .nothing }
            guard let length = STUNBinding.answer(bytes, from: path.client, into: &memory) else { return .nothing }
            statistics.bindings += 1
            return .answer(length)
        case .allocate, .refresh, .createPermission, .channelBind: break
        case .connect, .connectionBind: if configuration.mostConnections == 0 { return .nothing }
        default: return .nothing
        }
        let proof: Proof
        switch authenticate(message, bytes, path, now: now) {
        case .proven(let found): proof = found
        case .refused(let error):
            guard admits(path, now: now) else { return .nothing }
            return challenge(message, error, path, into: &memory, now: now)
        }
        var unknown = message.unknown(besides: Self.known, in: bytes)
        // For relays of connections it is 400 (RFC 6062 §5.1).
        if message.method == .allocate, message.word32(.requestedTransport, in: bytes) == 6 << 24 {
            unknown.removeAll { $0 == .dontFragment }
        }
        guard unknown.isEmpty else { return refuse(message, .unknownAttribute, unknown: unknown, proof, into: &memory) }
        if message.method == .allocate { return allocate(message, bytes, path, proof, into: &memory, now: now) }
        if message.method == .connectionBind {
            return bindConnection(message, bytes, path, proof, into: &memory, now: now)
        }
        guard let slot = paths[path] else { return refuse(message, .allocationMismatch, proof, into: &memory) }
        guard slots[slot].user == proof.user else { return refuse(message, .wrongCredentials, proof, into: &memory) }
        return switch message.method {
        case .refresh: refresh(message, bytes, slot, proof, into: &memory, now: now)
        case .createPermission: permit(message, bytes, slot, proof, into: &memory, now: now)
        case .connect: connect(message, bytes, slot, proof, into: &memory, now: now)
        default: bind(message, bytes, slot, proof, into: &memory, now: now)
        }
    }

    /// Whether one that has not proven who it is gets an answer.
    private mutating func admits(_ path: TURNPath, now: Instant) -> Bool {
        guard gate.admits(path.client, now: now) else {
            statistics.unanswered += 1
            return false
        }
        return true
    }

    private enum Verdict {
        case proven(Proof)
        case refused(STUNErrorCode)
    }

    /// RFC 8489 §9.2.4, in its order.
    private mutating func authenticate(
        _ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath, now: Instant
    ) -> Verdict {
        guard message.integrity != nil || message.integritySHA256 != nil else { return .refused(.unauthenticated) }
        guard let user = message.octets(.username, in: bytes), let realm = message.octets(.realm, in: bytes),
            let nonce = message.octets(.nonce, in: bytes), user.count <= TURNAccounts.longestName
        else { return .refused(.badRequest) }
        guard let algorithm = Self.algorithm(message, bytes) else { return .refused(.badRequest) }
        var hasAllocation = false
        if let slot = paths[path] {
            hasAllocation = slots[slot].user == user
        } else {
            hasAllocation = hasConnection(message, bytes, of: user)
        }
        let keys =
            realm == accounts.realm
            ? accounts.keys(user, algorithm.algorithm, time: wallClock(), hasAllocation: hasAllocation) : []
        let functions = hash
        let found = keys.first { key in
            message.integritySHA256 != nil
                ? message.isProvenBySHA256(key, functions, in: bytes) : message.isProven(by: key, functions, in: bytes)
        }
        guard let key = found else {
            statistics.unauthenticated += 1
            return .refused(.unauthenticated)
        }
        guard nonces.isFresh(nonce, of: path.client, lifetime: configuration.nonceLifetime, now: now) else {
            return .refused(.staleNonce)
        }
        return .proven(Proof(user: user, key: key, isSHA256: algorithm.isNamed))
    }

    /// The algorithm that a request names, MD5 where it names none; nil when it does not fit what was offered.
    private static func algorithm(
        _ message: STUNMessage, _ bytes: RawSpan
    ) -> (algorithm: PasswordAlgorithm, isNamed: Bool)? {
        let list = message.octets(.passwordAlgorithms, in: bytes)
        let choice = message.octets(.passwordAlgorithm, in: bytes)
        if list == nil, choice == nil { return (.md5, false) }
        guard list == algorithms, let choice, choice.count == 4, choice[2] == 0, choice[3] == 0,
            let algorithm = PasswordAlgorithm(rawValue: UInt16(choice[0]) << 8 | UInt16(choice[1]))
        else { return nil }
        return (algorithm, true)
    }

    // MARK: Answers

    /// An answer to who has not proven anything: no longer than it must be.
    private mutating func challenge(
        _ message: STUNMessage, _ error: STUNErrorCode, _ path: TURNPath, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        let hasNonce = error == .unauthenticated || error == .staleNonce
        if hasNonce { statistics.challenges += 1 }
        let nonce = hasNonce ? nonces.nonce(for: path.client, now: now) : []
        do throws(STUNDefect) {
            var writer = try STUNWriter(.error, message.method, message.transaction, into: &memory)
            try writer.add(error, into: &memory)
            if hasNonce {
                try writer.add(.realm, accounts.realm, into: &memory)
                try writer.add(.nonce, nonce, into: &memory)
                try writer.add(.passwordAlgorithms, Self.algorithms, into: &memory)
            }
            if message.fingerprint != nil { try writer.addFingerprint(into: &memory) }
            return .answer(writer.length)
        } catch { return .nothing }
    }

    func refuse(
        _ message: STUNMessage, _ error: STUNErrorCode, unknown: [STUNAttribute] = [], _ proof: Proof,
        into memory: inout MutableRawSpan
    ) -> Outcome {
        write(.error, message.method, message.transaction, proof, into: &memory) {
            (writer, memory) throws(STUNDefect) in
            try writer.add(error, into: &memory)
            if !unknown.isEmpty { try writer.add(unknown: unknown, into: &memory) }
        }
    }

    /// An answer that is proven by the key of the request.
    func write(
        _ kind: STUNClass, _ method: STUNMethod, _ transaction: STUNTransactionID, _ proof: Proof,
        into memory: inout MutableRawSpan,
        _ attributes: (inout STUNWriter, inout MutableRawSpan) throws(STUNDefect) -> Void = {
            (_, _) throws(STUNDefect) in
        }
    ) -> Outcome {
        do throws(STUNDefect) {
            var writer = try STUNWriter(kind, method, transaction, into: &memory)
            try attributes(&writer, &memory)
            // RFC 8656 §5: in answers to Allocate and Refresh.
            if method == .allocate || method == .refresh, !configuration.software.isEmpty {
                try writer.add(.software, configuration.software, into: &memory)
            }
            if proof.isSHA256 {
                try writer.addIntegritySHA256(proof.key, hash, into: &memory)
            } else {
                try writer.addIntegrity(proof.key, hash, into: &memory)
            }
            try writer.addFingerprint(into: &memory)
            return .answer(writer.length)
        } catch { return .nothing }
    }
}
