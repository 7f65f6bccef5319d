import COpenSSL

/// The keys that an association gave (RFC 5764 §4.2).
public struct DTLSKeys: Sendable {
    /// What was agreed on.
    public let profile: ProtectionProfile
    /// Protects what we send.
    public let local: MasterKey
    /// Protects what the peer sends.
    public let remote: MasterKey
}

/// One end of a DTLS association that makes keys for SRTP. RFC 5763, RFC 5764, RFC 6347.
///
/// It has no socket and no timer. Its owner gives it datagrams that ``DatagramKind`` calls `dtls`, sends what ``takeDatagram()`` returns
/// after each call, and calls ``handleTimeout()`` when ``timeout`` has passed; OpenSSL itself looks at the system's clock for that.
///
/// ```
/// client                                     server
/// start()  ── ClientHello ─────────────────▶
///          ◀──────── ServerHello … Done ────
///          ── Certificate … Finished ──────▶  established
///          ◀─────────────────── Finished ───
/// established
/// ```
///
/// The peer must show the certificate of one of its fingerprints, whichever role it has. When the handshake outruns the answer with the
/// fingerprints (RFC 8842 §5.2) there are no ``keys`` until ``prove(by:)`` has them.
///
/// A session belongs to one thread at a time. It survives any octets; what is no valid record is dropped.
public final class DTLSSession {
    /// Which end this is.
    @frozen
    public enum Role: Hashable, Sendable {
        case client
        case server
    }

    /// How far it is.
    @frozen
    public enum State: Hashable, Sendable {
        case handshaking
        /// There are keys, once the peer is proved.
        case established
        /// One side has said that it is over; keys that were taken stay good.
        case closed
        case failed(DTLSError)
    }

    /// Which end this is.
    public let role: Role

    /// How far it is.
    public private(set) var state: State = .handshaking

    /// Fingerprints of the certificate that the peer has shown, by each hash function.
    public private(set) var peerFingerprints: [CertificateFingerprint] = []

    private let context: DTLSContext
    private let queue = DatagramQueue()
    private let ssl: OpaquePointer
    /// What the peer's certificate must be, once it is known.
    private var named: [CertificateFingerprint]?
    private var agreed: DTLSKeys?
    private var mismatched = false

    private static let label = "EXTRACTOR-dtls_srtp"

    /// Makes an end; a client sends nothing until ``start()``.
    ///
    /// - Parameter fingerprints: those of the peer's description, or `nil` while it is not there.
    public init(_ context: DTLSContext, _ role: Role, fingerprints: [CertificateFingerprint]?) throws(DTLSError) {
        if let fingerprints, fingerprints.isEmpty { throw .noAcceptableFingerprint }
        self.context = context
        self.role = role
        named = fingerprints
        guard let ssl = SSL_new(context.context) else { throw .cryptography }
        self.ssl = ssl
        guard let bio = queue.makeBIO() else { throw .cryptography }
        SSL_set_bio(ssl, bio, bio)
        openssl_set_mtu(ssl, DTLSContext.Limits.mtu)
        guard SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque()) == 1 else { throw .cryptography }
        DTLS_set_timer_cb(ssl) { ssl, elapsed in DTLSSession.of(ssl)?.next(after: elapsed) ?? 1_000_000 }
        switch role {
        case .client: SSL_set_connect_state(ssl)
        case .server: SSL_set_accept_state(ssl)
        }
    }

    deinit { SSL_free(ssl) }

    /// Sends the ClientHello; does nothing for a server.
    public func start() {
        if role == .client, state == .handshaking { advance() }
    }

    /// Takes a datagram of the peer. It is read before this returns.
    public func receive(_ datagram: UnsafeRawBufferPointer) {
        guard !datagram.isEmpty, state == .handshaking || state == .established else { return }
        queue.incoming = datagram
        defer { queue.incoming = nil }
        advance()
    }

    /// Takes a datagram of the peer; see the same with a pointer.
    public func receive(_ datagram: RawSpan) {
        datagram.withUnsafeBytes { receive($0) }
    }

    /// Takes the next datagram that is to be sent. Each is one to send, of at most ``DTLSContext/Limits/mtu`` octets.
    public func takeDatagram() -> [UInt8]? { queue.take() }

    /// Time until ``handleTimeout()`` is to be called; `nil` when nothing waits for an answer.
    public var timeout: Duration? {
        guard state == .handshaking || state == .established else { return nil }
        let left = openssl_dtls_timeout(ssl)
        return left < 0 ? nil : .microseconds(left)
    }

    /// Repeats the last flight if its time has run out (RFC 6347 §4.2.4); does nothing when it has not.
    public func handleTimeout() {
        guard state == .handshaking || state == .established else { return }
        ERR_clear_error()
        if openssl_dtls_handle_timeout(ssl) < 0, state == .handshaking { state = .failed(.timedOut) }
    }

    /// What was agreed on; `nil` until the handshake is done and the peer is proved.
    public var keys: DTLSKeys? { named == nil ? nil : agreed }

    /// Says what the fingerprints of the peer are, which came behind its handshake. When its certificate is another one the association
    /// ends, and there are no keys.
    public func prove(by fingerprints: [CertificateFingerprint]) {
        guard !fingerprints.isEmpty else { return end(.noAcceptableFingerprint) }
        named = fingerprints
        if !peerFingerprints.isEmpty, !CertificateFingerprint.proves(peerFingerprints, named: fingerprints) {
            end(.fingerprintMismatch)
        }
    }

    /// Says good-bye to the peer; keys that were taken stay good.
    public func close() {
        guard state == .established else {
            if state == .handshaking { state = .closed }
            return
        }
        ERR_clear_error()
        SSL_shutdown(ssl)
        state = .closed
    }

    private func end(_ error: DTLSError) {
        agreed = nil
        if state == .established {
            ERR_clear_error()
            SSL_shutdown(ssl)
        }
        state = .failed(error)
    }

    // MARK: What OpenSSL does

    /// Reads what has come and writes what is to be said.
    private func advance() {
        ERR_clear_error()
        if state == .handshaking {
            let result = SSL_do_handshake(ssl)
            guard result == 1 else { return look(at: SSL_get_error(ssl, result)) }
            established()
        }
        guard state == .established else { return }
        // Data of an application means nothing here; behind it there may be a repeated flight, an alert or the end.
        withUnsafeTemporaryAllocation(byteCount: DTLSContext.Limits.mtu, alignment: 16) { memory in
            for _ in 0..<DTLSContext.Limits.maximumRecords {
                let result = SSL_read(ssl, memory.baseAddress, Int32(memory.count))
                if result <= 0 { return look(at: SSL_get_error(ssl, result)) }
            }
        }
    }

    private func look(at error: Int32) {
        switch error {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
        // Our memory never fails like a socket: records of strangers that were kept for the next epoch were thrown away.
        case SSL_ERROR_SYSCALL where ERR_peek_error() == 0: break
        case SSL_ERROR_ZERO_RETURN:
            SSL_shutdown(ssl)
            state = .closed
        default:
            agreed = nil
            state = .failed(mismatched ? .fingerprintMismatch : .handshakeFailed(alert: Self.alert()))
        }
        ERR_clear_error()
    }

    /// The alert of the peer that OpenSSL reports: its reasons from 1,000 on are alerts.
    private static func alert() -> UInt8 {
        let reason = Int(ERR_peek_error() & 0x7F_FFFF)
        return (1_000..<1_256).contains(reason) ? UInt8(reason - 1_000) : 0
    }

    /// The handshake is done: takes the keys out.
    private func established() {
        guard let chosen = SSL_get_selected_srtp_profile(ssl),
            let profile = ProtectionProfile(dtlsIdentifier: UInt16(truncatingIfNeeded: chosen.pointee.id))
        else { return end(.noProfile) }
        let (key, salt) = (profile.keyLength, profile.saltLength)
        let material = SecretBytes(count: 2 * (key + salt)) { memory in
            let done = SSL_export_keying_material(
                ssl, memory.baseAddress?.assumingMemoryBound(to: UInt8.self), memory.count, Self.label,
                Self.label.utf8.count,
                nil, 0, 0)
            if done != 1 { state = .failed(.cryptography) }
        }
        guard state == .handshaking else { return }
        // Keys of client and server, then their salts (RFC 5764 §4.2).
        let (client, server) = material.withBytes { bytes in
            (
                MasterKey(key: bytes[..<key], salt: bytes[2 * key..<2 * key + salt]),
                MasterKey(key: bytes[key..<2 * key], salt: bytes[(2 * key + salt)...])
            )
        }
        agreed =
            role == .client
            ? DTLSKeys(profile: profile, local: client, remote: server)
            : DTLSKeys(profile: profile, local: server, remote: client)
        state = .established
    }

    /// Microseconds until the flight is repeated that has waited for `elapsed`; 0 when it has just been sent.
    private func next(after elapsed: UInt32) -> UInt32 {
        let (first, longest) = (context.retransmission.first, context.retransmission.longest)
        let wanted = elapsed == 0 ? first : .microseconds(2 * Int64(elapsed))
        let (seconds, attoseconds) = min(wanted, longest).components
        return UInt32(clamping: max(0, seconds) * 1_000_000 + attoseconds / 1_000_000_000_000)
    }

    /// Looks at the certificate that the peer shows.
    private func accepts(_ certificate: OpaquePointer) -> Bool {
        peerFingerprints = CertificateFingerprint.all(of: certificate)
        guard let named else { return true }
        mismatched = !CertificateFingerprint.proves(peerFingerprints, named: named)
        return !mismatched
    }

    private static func of(_ ssl: OpaquePointer?) -> DTLSSession? {
        guard let ssl, let data = SSL_get_ex_data(ssl, 0) else { return nil }
        return Unmanaged<DTLSSession>.fromOpaque(data).takeUnretainedValue()
    }

    /// What OpenSSL asks in place of looking for an authority: 1 to go on. Else the peer is told `bad_certificate` (RFC 8122 §6.2).
    static func verify(_ store: OpaquePointer?) -> Int32 {
        guard let store, let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let certificate = X509_STORE_CTX_get0_cert(store), let session = of(OpaquePointer(ssl)),
            session.accepts(certificate)
        else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
            return 0
        }
        return 1
    }
}
