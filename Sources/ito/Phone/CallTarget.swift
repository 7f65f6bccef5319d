import SIP
import Server

/// Whom `ito call` calls: a SIP URI, an address without its scheme, or a user of the account's domain.
struct CallTarget {
    /// As it was written.
    let text: String
    /// Host and port of the address; nil for a bare user.
    let authority: String?
    /// Whether it is reached by TLS where no proxy stands in between.
    let isSecure: Bool

    private static let remedy = "write for example sip:bob@example.com, or a user's name together with --as"

    /// Reads what a person wrote.
    ///
    /// - Throws: `ServerError` that says what is wrong with the target.
    init(_ text: String) throws(ServerError) {
        self.text = text
        let hasScheme = text.prefix { $0 != "@" }.contains(":")
        guard hasScheme || text.contains("@") else {
            guard !text.isEmpty else { throw ServerError(.usage, "the target is empty", remedy: Self.remedy) }
            authority = nil
            isSecure = false
            return
        }
        let uri: URI
        do throws(MessageDefect) {
            uri = try URI(hasScheme ? text : "sip:\(text)")
        } catch {
            throw ServerError(.usage, "the target `\(text)` is no SIP URI: \(error.reason)", remedy: Self.remedy)
        }
        guard uri.index.isSIP else {
            throw ServerError(.usage, "the target `\(text)` is no SIP URI", remedy: Self.remedy)
        }
        authority = uri.authority
        isSecure = uri.requestTransport == .tls
    }

    /// The account of a caller who names none: nobody at the proxy, or else at the host that is called.
    ///
    /// - Throws: `ServerError` when there is neither.
    func anonymous(proxy: URI?) throws(ServerError) -> String {
        guard let authority = proxy?.authority ?? authority else {
            throw ServerError(.usage, "the target `\(text)` names no domain", remedy: Self.remedy)
        }
        return "sip:anonymous@\(authority)"
    }
}

extension URI {
    /// Host and port as they stand in a URI.
    fileprivate var authority: String {
        let bracketed = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(bracketed):\($0)" } ?? bracketed
    }
}
