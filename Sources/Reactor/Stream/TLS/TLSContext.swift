import NIOCore
import NIOSSL
import Synchronization

/// What listeners and connectors secure their connections with; it can be replaced while they run.
///
/// Connections that are open keep what they began with: a new certificate concerns handshakes to come only.
public final class TLSContext: Sendable {
    private struct Contexts {
        /// Nil without an identity: nothing can be accepted.
        var server: NIOSSLContext?
        var client: NIOSSLContext
        var asksClients: Bool
        var hasIdentity: Bool
    }

    private let current: Mutex<Contexts>

    /// Makes a context; reads the system's list of authorities when that is trusted, so it blocks.
    ///
    /// - Throws: `TLSConfigurationError` when the system has no such list, or an identity cannot be used.
    public init(_ configuration: TLSConfiguration) throws(TLSConfigurationError) {
        current = Mutex(try Self.contexts(configuration))
    }

    /// Goes on with another configuration; what runs stays as it is. Blocks as `init` does.
    ///
    /// - Throws: `TLSConfigurationError`; the old configuration holds then.
    public func replace(with configuration: TLSConfiguration) throws(TLSConfigurationError) {
        let made = try Self.contexts(configuration)
        current.withLock { $0 = made }
    }

    /// Whether there is a certificate of ours, which a listener needs and a client may show (RFC 5923 §8.1).
    public var hasIdentity: Bool { current.withLock { $0.hasIdentity } }

    // MARK: Handlers

    /// The bytes of sending room that an idle connection keeps; more is given back with the next message.
    static let preservedRoom = 2_048

    private static var handlerConfiguration: NIOSSLHandler.Configuration {
        var configuration = NIOSSLHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = preservedRoom
        return configuration
    }

    /// The handler of a connection that was accepted, and whether the client was asked for a certificate.
    ///
    /// - Throws: `TLSFailure` when there is no certificate of ours.
    func serverHandler() throws -> (handler: NIOSSLServerHandler, asksClient: Bool) {
        let (context, asks) = current.withLock { ($0.server, $0.asksClients) }
        guard let context else { throw TLSFailure(.setup, "there is no certificate to show to clients") }
        return (
            NIOSSLServerHandler(
                context: context, customVerificationCallback: nil, configuration: Self.handlerConfiguration), asks
        )
    }

    /// The handler of a connection that we make to a server of a domain, which is named to it (RFC 6066 §3) unless it is an
    /// IP address.
    func clientHandler(domain: String) throws -> NIOSSLClientHandler {
        let context = current.withLock { $0.client }
        let bare = domain.hasSuffix(".") ? String(domain.dropLast()) : domain
        let name = CertificateNames.literal(bare) == nil && !bare.isEmpty ? bare : nil
        return try NIOSSLClientHandler(context: context, serverHostname: name, configuration: Self.handlerConfiguration)
    }

    // MARK: Contexts

    private static func contexts(_ configuration: TLSConfiguration) throws(TLSConfigurationError) -> Contexts {
        do {
            return Contexts(
                server: try configuration.identities.isEmpty
                    ? nil : NIOSSLContext(configuration: server(configuration)),
                client: try NIOSSLContext(configuration: client(configuration)),
                asksClients: configuration.clientVerification != .none, hasIdentity: !configuration.identities.isEmpty)
        } catch {
            throw TLSConfigurationError("TLS cannot be set up: \(error)")
        }
    }

    /// The groups for key exchange in the order of preference: the hybrid of X25519 and ML-KEM-768 first, so that what is
    /// recorded now cannot be read by a quantum computer to come.
    static let groups: [NIOTLSCurve] = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]

    /// Suites of TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 §4.2). Those of TLS 1.3 are all so.
    static let cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"

    private static func server(_ configuration: TLSConfiguration) -> NIOSSL.TLSConfiguration {
        let first = configuration.identities[0]  // Called when there is one.
        var result = NIOSSL.TLSConfiguration.makeServerConfiguration(
            certificateChain: first.sources, privateKey: .privateKey(first.key))
        apply(configuration, to: &result)
        switch configuration.clientVerification {
        case .none: result.certificateVerification = .none
        case .optional: result.certificateVerification = .optionalVerification
        case .required: result.certificateVerification = .noHostnameVerification
        }
        result.sendCANameList = configuration.clientVerification != .none
        if configuration.identities.count > 1 { result.sslContextCallback = selection(configuration.identities) }
        return result
    }

    /// Chooses the identity for the domain that a client names (RFC 5922 §7.8, RFC 6066 §3).
    private static func selection(_ identities: [TLSIdentity]) -> NIOSSLContextCallback {
        { values, promise in
            let name = values.serverHostname ?? ""
            guard let chosen = identities.first(where: { $0.names.prove(name) }) else {
                return promise.succeed(.noChanges)
            }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = chosen.sources
            override.privateKey = .privateKey(chosen.key)
            promise.succeed(override)
        }
    }

    private static func client(_ configuration: TLSConfiguration) -> NIOSSL.TLSConfiguration {
        var result = NIOSSL.TLSConfiguration.makeClientConfiguration()
        apply(configuration, to: &result)
        // The chain is verified there; whom it proves is compared by the rules of RFC 5922 and not by those of HTTP.
        result.certificateVerification = .noHostnameVerification
        if let identity = configuration.identities.first {
            result.certificateChain = identity.sources
            result.privateKey = .privateKey(identity.key)
        }
        return result
    }

    private static func apply(_ configuration: TLSConfiguration, to result: inout NIOSSL.TLSConfiguration) {
        result.minimumTLSVersion = configuration.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        result.cipherSuites = cipherSuites
        result.curves = groups
        switch configuration.trust {
        case .system: result.trustRoots = .default
        case .authorities(let authorities): result.trustRoots = .certificates(authorities.certificates)
        }
    }
}
