public import Reactor
import SDP
public import SRTP

/// The handshake of a stream (RFC 5763): one association for the port of RTP and, unless RTCP shares it, another for that of RTCP.
///
/// It has no socket: its owner gives it the datagrams of both ports and sends what ``next()`` gives. It belongs to its lane.
public final class MediaHandshake {
    /// The keys of a stream.
    public struct Keys {
        public let media: DTLSKeys
        /// Those of RTCP, where it has a port of its own.
        public let control: DTLSKeys?
    }

    /// How long both sides have for it; then the call ends. A flight that is lost is repeated four times until then.
    public static let limit = Duration.seconds(20)

    /// What was agreed on.
    public let terms: AssociationTerms
    /// Whether there are neither keys nor a failure yet.
    public private(set) var isUnderWay = true

    private var ends: [End] = []
    private let deadline: ContinuousClock.Instant

    /// One association.
    private struct End {
        let session: DTLSSession
        let isControl: Bool
        var destination: TransportAddress?
    }

    /// Begins; a client has its first datagram ready.
    ///
    /// - Parameters:
    ///   - remote: where the far side receives RTP.
    ///   - control: where it receives RTCP.
    public init(
        _ terms: AssociationTerms, _ context: DTLSContext, isMultiplexed: Bool, _ remote: TransportAddress?,
        _ control: TransportAddress?, at now: ContinuousClock.Instant
    ) throws(DTLSError) {
        self.terms = terms
        deadline = now + Self.limit
        let fingerprints = terms.fingerprints.compactMap(CertificateFingerprint.init)
        for isControl in isMultiplexed ? [false] : [false, true] {
            let session = try DTLSSession(
                context, terms.role == .client ? .client : .server, fingerprints: fingerprints)
            ends.append(End(session: session, isControl: isControl, destination: isControl ? control : remote))
            session.start()
        }
    }

    /// The far side receives elsewhere, and the association goes on.
    public func move(to remote: TransportAddress?, _ control: TransportAddress?) {
        for index in ends.indices { ends[index].destination = ends[index].isControl ? control : remote }
    }

    /// Takes a datagram. While the handshake goes on it is answered where it came from (RFC 4961): who does not have the certificate
    /// cannot end it.
    public func receive(_ datagram: UnsafeRawBufferPointer, from source: TransportAddress, isControl: Bool) {
        guard let index = ends.firstIndex(where: { $0.isControl == isControl }) else { return }
        if ends[index].session.state == .handshaking { ends[index].destination = source }
        ends[index].session.receive(datagram)
    }

    /// Repeats what nobody has answered in time.
    public func passTime(at now: ContinuousClock.Instant) {
        for end in ends where end.session.timeout == .zero { end.session.handleTimeout() }
    }

    /// The next datagram to be sent, where to, and whether from the port of RTCP.
    public func next() -> (datagram: [UInt8], destination: TransportAddress, isControl: Bool)? {
        for end in ends {
            while let datagram = end.session.takeDatagram() {
                if let destination = end.destination { return (datagram, destination, end.isControl) }
            }
        }
        return nil
    }

    /// What has come of it; nil while it goes on. Told once.
    public func outcome(at now: ContinuousClock.Instant) -> Result<Keys, DTLSError>? {
        guard isUnderWay else { return nil }
        for end in ends {
            if case .failed(let error) = end.session.state { return finish(.failure(error)) }
        }
        if let media = ends[0].session.keys {
            if ends.count == 1 { return finish(.success(Keys(media: media, control: nil))) }
            if let control = ends[1].session.keys { return finish(.success(Keys(media: media, control: control))) }
        }
        return now >= deadline ? finish(.failure(.timedOut)) : nil
    }

    private func finish(_ result: Result<Keys, DTLSError>) -> Result<Keys, DTLSError> {
        isUnderWay = false
        return result
    }

    /// Says good-bye.
    public func close() {
        for end in ends { end.session.close() }
    }
}

extension CertificateFingerprint {
    /// The fingerprint of a description; nil when its hash proves nothing.
    init?(_ fingerprint: Fingerprint) {
        switch fingerprint.hash {
        case .sha256: self.init(.sha256, fingerprint.octets)
        case .sha384: self.init(.sha384, fingerprint.octets)
        case .sha512: self.init(.sha512, fingerprint.octets)
        case .sha224, .sha1, .md5, .md2: return nil
        }
    }
}
