import Logging
import Reactor

// How the configuration reads in terms of TLS.
extension ServerConfiguration {
    /// Whether any listener needs a certificate.
    var isSecured: Bool { listeners.contains { $0.transport.isSecure } }

    /// Reads certificates, keys and authorities from their files, and makes a certificate where none is named. Blocks.
    ///
    /// - Throws: `ServerError` that names the key and the file that is wrong.
    func security(logger: Logger) throws(ServerError) -> TLSConfiguration {
        var result = TLSConfiguration()
        // Who only connects to others by TLS shows a certificate when there is one, and needs none.
        if isSecured || !tls.certificate.isEmpty { result.identities = [try sharedIdentity(logger)] }
        for domain in domains where !domain.certificate.isEmpty {
            let key = domain.certificateKey.isEmpty ? domain.certificate : domain.certificateKey
            let identity = try identity(domain.certificate, key, "the certificate of the domain \(domain.name)")
            if !identity.names.prove(domain.name) {
                logger.warning(
                    "the certificate of the domain \(domain.name) is for \(identity.names): it will not be shown")
            }
            result.identities.append(identity)
        }
        if isSecured, tls.clientVerification == .none {
            for domain in domains where domain.authentication != .digest {
                logger.warning(
                    "users of \(domain.name) cannot show certificates: no client is asked for one (tls.verify-client)")
            }
        }
        if !tls.authorities.isEmpty {
            do throws(TLSConfigurationError) {
                result.trust = .authorities(try TLSAuthorities(file: tls.authorities))
            } catch {
                throw Self.problem("tls.ca-file", error)
            }
        }
        result.clientVerification =
            switch tls.clientVerification {
            case .none: .none
            case .optional: .optional
            case .required: .required
            }
        result.minimumVersion = tls.minimumVersion == .tls13 ? .tls13 : .tls12
        return result
    }

    private func sharedIdentity(_ logger: Logger) throws(ServerError) -> TLSIdentity {
        guard tls.certificate.isEmpty else {
            return try identity(tls.certificate, tls.key.isEmpty ? tls.certificate : tls.key, "tls.certificate")
        }
        let own = try OwnCertificate(folder: dataFolder, names: ownNames)
        if own.isNew {
            logger.notice(
                "made a certificate that is signed by itself: \(own.certificatePath); phones that check it need it as CA file"
            )
        }
        return try identity(own.certificatePath, own.keyPath, "the server's own certificate")
    }

    /// All names that clients may know the server by.
    private var ownNames: [String] {
        var names: [String] = []
        for domain in domains { names += [domain.name] + domain.aliases }
        for listener in listeners where listener.transport.isSecure {
            if let advertised = listener.advertised { names.append(advertised.host) }
            names += listener.isWildcard ? LocalAddresses.all.map(\.ip) : [listener.address]
            if listener.isLoopback || listener.isWildcard { names.append("localhost") }
        }
        var seen: Set<String> = []
        return names.map { $0.hasPrefix("[") ? String($0.dropFirst().dropLast()) : $0 }.filter {
            // A zone means something on this machine only.
            !$0.contains("%") && seen.insert($0).inserted
        }
    }

    private func identity(
        _ certificate: String, _ key: String, _ what: String
    ) throws(ServerError) -> TLSIdentity {
        do throws(TLSConfigurationError) {
            return try TLSIdentity(certificateFile: certificate, keyFile: key)
        } catch {
            throw Self.problem(what, error)
        }
    }

    private static func problem(_ what: String, _ error: TLSConfigurationError) -> ServerError {
        ServerError(
            .usage, "\(what): \(error)",
            remedy: "name readable PEM files with the keys tls.certificate, tls.key and tls.ca-file, or leave them out")
    }
}
