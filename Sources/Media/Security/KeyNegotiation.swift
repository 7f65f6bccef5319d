public import SDP
import SRTP

/// What descriptions of one session say of keys, and what was agreed (RFC 4568, RFC 5763, RFC 8842; RFC 8643 where encryption is
/// not demanded).
///
/// A value, as the session is: each early dialog has its own. Every error leaves what was agreed as it was.
public struct KeyNegotiation: Sendable {
    /// What is written into a description.
    public struct Terms {
        /// Transports of the `m=` line: the first is offered, unless another one of them is in use. Nil for those of plain media.
        public var transports: [ByteString]?
        /// Attributes of the media description.
        public var attributes: [Attribute] = []
        /// Whether RTCP may share the port of RTP, which spares a second handshake (RFC 5764 §4.2).
        public var multiplexes = false
        /// The `m=` line of the offer that is answered.
        public var index: Int?

        /// Says nothing of keys, unless told so.
        public init(
            transports: [ByteString]? = nil, attributes: [Attribute] = [], multiplexes: Bool = false, index: Int? = nil
        ) {
            self.transports = transports
            self.attributes = attributes
            self.multiplexes = multiplexes
            self.index = index
        }
    }

    /// What stands in both descriptions.
    struct Agreement {
        enum Method {
            case described(local: CryptoAttribute, remote: CryptoAttribute)
            case association(AssociationTerms, local: AssociationDescription, remote: AssociationDescription)
        }

        var method: Method
        /// Where this side receives.
        var place: ByteString
        /// Where the far side does.
        var remotePlace: ByteString
        public var keys: MediaKeys
    }

    /// An offer of this side that waits.
    struct Offer {
        var lines: [CryptoAttribute] = []
        var association: TLSIdentifier?
        var place: ByteString
    }

    let security: MediaSecurity?
    /// The end of a handshake that this side takes where an offer leaves that open: the client's by rule, since answer and handshake then
    /// go side by side (RFC 5763 §5); the server's where nothing reaches the far side before it has sent something, as behind a NAT.
    public var preferredRole = HandshakeRole.client
    /// Whether the next offer has new keys.
    public var isRenewing = false
    private(set) var agreement: Agreement?
    private var offer: Offer?
    private var associations = 0

    public init(_ security: MediaSecurity?) {
        self.security = security.flatMap { $0.encryption.mode == .off ? nil : $0 }
    }

    /// Whether anything is encrypted, if the far side will.
    public var isSecured: Bool { security != nil }

    /// What encrypts the media.
    public var keys: MediaKeys { agreement?.keys ?? .none }

    /// Whether media in the clear is refused.
    private var isDemanding: Bool { security?.encryption.mode == .require || agreement != nil }

    /// Transports of media in the clear.
    public static let plain: [ByteString] = ["RTP/AVP", "RTP/AVPF"]
    private static let described: [ByteString] = ["RTP/SAVP", "RTP/SAVPF"]
    private static let handshaken: [ByteString] = ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"]

    // MARK: Offers of this side

    /// What an offer says. It waits until ``take(_:of:)`` or ``rollBack()``.
    ///
    /// - Parameters:
    ///   - place: where this side receives.
    ///   - checksConnectivity: whether the offer speaks of ICE, too: browsers want the profile with feedback then (RFC 8829 §5.1.2).
    public mutating func makeOffer(
        at place: ByteString, checksConnectivity: Bool = false
    ) throws(MediaSecurityError) -> Terms {
        guard let security else { return Terms() }
        let isRequired = security.encryption.mode == .require
        let exchange: MediaEncryption.KeyExchange =
            switch agreement?.method {
            case .described: .sdes
            case .association: .dtls
            case nil: security.encryption.keyExchange
            }
        var terms = Terms()
        switch exchange {
        case .sdes:
            let lines = try offeredLines(security, place)
            offer = Offer(lines: lines, place: place)
            terms.transports = isRequired ? Self.described + Self.plain : Self.plain + Self.described
            terms.attributes = lines.map(\.attribute)
        case .dtls:
            let name = offeredName()
            offer = Offer(association: name, place: place)
            let secure =
                (checksConnectivity ? Self.handshaken.reversed() : Self.handshaken) + Self.described
            terms.transports = isRequired ? secure + Self.plain : Self.plain + secure
            terms.attributes = security.fingerprintAttributes + [SetupRole.actpass.attribute, name.attribute]
            terms.multiplexes = true
        }
        return terms
    }

    /// The key in use, or new ones: where this side receives elsewhere, or wants others (RFC 4568 §7.1.4).
    private func offeredLines(
        _ security: MediaSecurity, _ place: ByteString
    ) throws(MediaSecurityError) -> [CryptoAttribute] {
        if case .described(let local, _) = agreement?.method, !isRenewing, agreement?.place == place { return [local] }
        var lines: [CryptoAttribute] = []
        for profile in security.encryption.profiles {
            lines.append(try Self.line(tag: UInt32(lines.count + 1), profile))
        }
        return lines
    }

    /// The name of the association in use, or a new one (RFC 8842 §5.5).
    private func offeredName() -> TLSIdentifier {
        if case .association(_, let local, _) = agreement?.method, !isRenewing, let name = local.identifier {
            return name
        }
        return Self.newName()
    }

    private static func newName() -> TLSIdentifier {
        var generator = SystemRandomNumberGenerator()
        return TLSIdentifier(random: (0..<20).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    private static func line(tag: UInt32, _ profile: ProtectionProfile) throws(MediaSecurityError) -> CryptoAttribute {
        guard let key = try? MasterKey.random(for: profile), let suite = CryptoSuite(rawValue: profile.cryptoSuite),
            let inline = InlineKey(suite, keyAndSalt: key.keyAndSalt),
            let line = CryptoAttribute(tag: tag, suite: suite, keys: [inline])
        else { throw .keys(.cryptography) }
        return line
    }

    /// Takes the answer to the offer.
    ///
    /// - Parameter media: the description of the answer that belongs to the stream.
    /// - Throws: a refusal when the media would not be encrypted as it must be.
    public mutating func take(_ answer: SessionDescription, of media: MediaDescription) throws(MediaSecurityError) {
        guard let security else { return }
        guard let offer else { throw .mismatch }
        let found =
            offer.association == nil
            ? try takeLine(answer, media, offer)
            : try takeAssociation(answer, media, offer, security)
        guard let found else {
            guard !isDemanding, !Self.isSecure(media.field.transport) else {
                throw agreement == nil ? .notAnswered : .downgrade
            }
            self.offer = nil
            return
        }
        agreement = found
        self.offer = nil
        isRenewing = false
    }

    private func takeLine(
        _ answer: SessionDescription, _ media: MediaDescription, _ offer: Offer
    ) throws(MediaSecurityError) -> Agreement? {
        guard media.hasCryptoLines else { return nil }
        // Exactly one of the lines that were offered, with its tag and suite (RFC 4568 §5.1.3).
        guard let remote = media.cryptoAttributes.first, remote.isPlain, let local = remote.accepted(among: offer.lines)
        else { throw .mismatch }
        return try Agreement(local, remote, place: offer.place, remotePlace: place(of: media, in: answer))
    }

    private mutating func takeAssociation(
        _ answer: SessionDescription, _ media: MediaDescription, _ offer: Offer, _ security: MediaSecurity
    ) throws(MediaSecurityError) -> Agreement? {
        let stated = answer.fingerprints(of: media)
        guard !stated.isEmpty else { return nil }
        let prints = Set(stated.filter(\.hash.isAcceptable))
        guard !prints.isEmpty else {
            throw .handshake(.noAcceptableFingerprint)
        }
        guard let role = HandshakeRole.offering(.actpass, answered: answer.setup(of: media)) else {
            throw .mismatch
        }
        let remote = AssociationDescription(
            identifier: media.tlsIdentifier, fingerprints: prints, role: role.peer,
            transport: place(of: media, in: answer))
        let local = AssociationDescription(
            identifier: offer.association, fingerprints: security.fingerprints, role: role, transport: offer.place)
        return associate(local, remote)
    }

    // MARK: Offers of the far side

    /// What the answer to an offer says; ``accept(_:)`` makes it what is agreed.
    ///
    /// - Parameters:
    ///   - index: the `m=` line of the stream in use; nil when there is none.
    ///   - place: where this side receives.
    /// - Throws: a refusal when the media would not be encrypted as it must be.
    public mutating func answer(
        _ offer: SessionDescription, index: Int?, at place: ByteString
    ) throws(MediaSecurityError) -> Terms {
        guard let security else { return Terms() }
        var unsupported = false
        var plain: Int?
        let lines = index.map { [$0] } ?? Array(offer.media.indices)
        for line in lines where line < offer.media.count {
            let media = offer.media[line]
            guard index != nil || media.media.equalsIgnoringCase("audio"), media.port != 0 else { continue }
            if let found = try agree(offer, media, security, place) {
                agreement = found.agreement
                isRenewing = false
                var terms = found.terms
                terms.transports = [media.field.transport]
                terms.index = line
                return terms
            }
            if Self.isSecure(media.field.transport) { unsupported = true } else { plain = plain ?? line }
        }
        guard let plain else {
            // Without audio, or with what nobody can answer: that is for others to say.
            guard unsupported else { return Terms() }
            throw .unsupported
        }
        guard !isDemanding else { throw agreement == nil ? .notOffered : .downgrade }
        return Terms(transports: Self.plain, index: plain)
    }

    private mutating func agree(
        _ offer: SessionDescription, _ media: MediaDescription, _ security: MediaSecurity, _ place: ByteString
    ) throws(MediaSecurityError) -> (agreement: Agreement, terms: Terms)? {
        let transport = media.field.transport
        // Old phones announce a handshake under RTP/SAVP, too.
        let allowsLines = !Self.handshaken.contains { $0.equalsIgnoringCase(transport) }
        guard allowsLines || Self.isSecure(transport) else { return nil }
        let first = security.encryption.keyExchange
        for exchange in [first, first == .sdes ? .dtls : .sdes] {
            switch exchange {
            case .sdes:
                guard allowsLines, let found = try answerLine(offer, media, security, place) else { continue }
                return found
            case .dtls:
                guard let found = answerAssociation(offer, media, security, place) else { continue }
                return found
            }
        }
        return nil
    }

    /// The first line that this side knows (RFC 4568 §5.1.2).
    private func answerLine(
        _ offer: SessionDescription, _ media: MediaDescription, _ security: MediaSecurity, _ place: ByteString
    ) throws(MediaSecurityError) -> (Agreement, Terms)? {
        for remote in media.cryptoAttributes where remote.isPlain {
            guard let profile = ProtectionProfile(cryptoSuite: remote.suite.rawValue),
                security.encryption.profiles.contains(profile)
            else { continue }
            let remotePlace = self.place(of: media, in: offer)
            let local = try answeredLine(to: remote, profile, place, remotePlace)
            let agreement = try Agreement(local, remote, place: place, remotePlace: remotePlace)
            return (agreement, Terms(attributes: [local.attribute]))
        }
        return nil
    }

    /// The key in use while nothing has changed, or else a new one: a far side with another key or at another place may know
    /// nothing of where the old one stands (RFC 4568 §7.1.4).
    private func answeredLine(
        to remote: CryptoAttribute, _ profile: ProtectionProfile, _ place: ByteString, _ remotePlace: ByteString
    ) throws(MediaSecurityError) -> CryptoAttribute {
        guard let agreement, case .described(let local, let before) = agreement.method, !isRenewing,
            local.suite == remote.suite, before.keys == remote.keys, agreement.place == place,
            agreement.remotePlace == remotePlace,
            let kept = CryptoAttribute(tag: remote.tag, suite: local.suite, keys: local.keys)
        else { return try Self.line(tag: remote.tag, profile) }
        return kept
    }

    private mutating func answerAssociation(
        _ offer: SessionDescription, _ media: MediaDescription, _ security: MediaSecurity, _ place: ByteString
    ) -> (Agreement, Terms)? {
        let prints = Set(offer.fingerprints(of: media).filter(\.hash.isAcceptable))
        var kept: AssociationDescription?
        if case .association(_, let local, _) = agreement?.method { kept = local }
        guard !prints.isEmpty,
            let role = HandshakeRole.answering(
                offer.setup(of: media), keeping: kept?.role, preferring: preferredRole)
        else { return nil }
        let remote = AssociationDescription(
            identifier: media.tlsIdentifier, fingerprints: prints, role: role.peer,
            transport: self.place(of: media, in: offer))
        var local = AssociationDescription(
            identifier: kept?.identifier, fingerprints: security.fingerprints, role: role, transport: place)
        if remote.identifier == nil {
            local.identifier = nil
        } else if isNew(local, remote) || local.identifier == nil {
            local.identifier = Self.newName()
        }
        let agreement = associate(local, remote)
        var terms = Terms(attributes: security.fingerprintAttributes + [role.setup.attribute], multiplexes: true)
        if let name = local.identifier { terms.attributes.append(name.attribute) }
        return (agreement, terms)
    }

    // MARK: Both

    /// Whether another handshake is to be made (RFC 8842 §3.1).
    private func isNew(_ local: AssociationDescription, _ remote: AssociationDescription) -> Bool {
        guard case .association(let terms, let before, let remoteBefore) = agreement?.method else { return true }
        return isRenewing || remote.isNew(since: remoteBefore) || local.role != terms.role
            || local.identifier != before.identifier && remote.identifier != nil
    }

    private mutating func associate(
        _ local: AssociationDescription, _ remote: AssociationDescription
    ) -> Agreement {
        if case .association(let terms, _, _) = agreement?.method, !isNew(local, remote) {
            return Agreement(
                method: .association(terms, local: local, remote: remote), place: local.transport,
                remotePlace: remote.transport, keys: .association(terms))
        }
        associations += 1
        let terms = AssociationTerms(number: associations, role: local.role, fingerprints: remote.fingerprints)
        return Agreement(
            method: .association(terms, local: local, remote: remote), place: local.transport,
            remotePlace: remote.transport, keys: .association(terms))
    }

    /// Where a far side receives, as text that is equal when it is the same place; while it holds in the old way, where it did. With ICE
    /// that is found and changed by checks, for which keys and associations stay (RFC 8842 §6).
    private func place(of media: MediaDescription, in description: SessionDescription) -> ByteString {
        guard description.iceCredentials(of: media) == nil else { return "ICE" }
        let address = description.connection(of: media)?.address
        if address?.isUnspecified ?? true, let agreement { return agreement.remotePlace }
        return ByteString((address?.text.bytes ?? []) + [0x20] + "\(media.port)".utf8) ?? "?"
    }

    /// The offer, of either side, is void.
    public mutating func rollBack() { offer = nil }

    /// Why an answer that does not fit the offer was none of encrypted media, if that is the matter.
    public func refusal(of answer: SessionDescription) -> MediaSecurityError? {
        guard security?.encryption.mode == .require,
            let audio = answer.media.first(where: { $0.media.equalsIgnoringCase("audio") && $0.port != 0 }),
            !Self.isSecure(audio.field.transport)
        else { return nil }
        return .notAnswered
    }

    /// Whether an `m=` line demands encryption.
    public static func isSecure(_ transport: ByteString) -> Bool {
        (described + handshaken).contains { $0.equalsIgnoringCase(transport) }
    }
}

extension KeyNegotiation.Agreement {
    /// Keys of two lines.
    fileprivate init(
        _ local: CryptoAttribute, _ remote: CryptoAttribute, place: ByteString, remotePlace: ByteString
    ) throws(MediaSecurityError) {
        guard let profile = ProtectionProfile(cryptoSuite: local.suite.rawValue), let ours = local.keys.first,
            let key = MasterKey(profile, keyAndSalt: ours.keyAndSalt, identifier: ours.identifier)
        else { throw .mismatch }
        let theirs = remote.keys.compactMap {
            MasterKey(profile, keyAndSalt: $0.keyAndSalt, identifier: $0.identifier)
        }
        guard theirs.count == remote.keys.count else { throw .mismatch }
        method = .described(local: local, remote: remote)
        self.place = place
        self.remotePlace = remotePlace
        keys = .described(DescribedKeys(profile: profile, local: key, remote: theirs))
    }
}

extension MediaSecurity {
    /// The hash of the certificate by SHA-256, which all know.
    fileprivate var fingerprints: Set<Fingerprint> {
        Set(context.fingerprints.compactMap { $0.hash == .sha256 ? Fingerprint(.sha256, $0.octets) : nil })
    }

    fileprivate var fingerprintAttributes: [Attribute] { fingerprints.map(\.attribute) }
}

extension MediaDescription {
    /// Whether there are `a=crypto` lines, usable ones or not.
    fileprivate var hasCryptoLines: Bool { attributes.contains { $0.name == "crypto" } }
}
