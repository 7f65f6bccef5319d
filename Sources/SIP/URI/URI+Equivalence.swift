extension URI {
    /// Compares by the rules of RFC 3261 §19.1.4, RFC 5954 §4.2, and RFC 3966 §4 for tel.
    ///
    /// A URI with `transport` does not match one without, as the examples of that section show. The relation is not
    /// transitive: a parameter that only one of two URIs has is ignored.
    public func isEquivalent(to other: URI) -> Bool {
        if bytes == other.bytes { return true }
        guard scheme == other.scheme else { return false }
        switch scheme {
        case .other: return false
        case .tel: return addressOfRecord == other.addressOfRecord && parametersMatch(other, isTel: true)
        default: break
        }
        guard user == other.user, password == other.password, hostMatches(other), port == other.port else {
            return false
        }
        return parametersMatch(other, isTel: false) && headersMatch(other)
    }

    /// Different texts of one address are the same host (RFC 5954 §4.2).
    private func hostMatches(_ other: URI) -> Bool {
        if host == other.host { return true }
        guard let address = AddressLiteral(host) else { return false }
        return address == AddressLiteral(other.host)
    }

    private func parametersMatch(_ other: URI, isTel: Bool) -> Bool {
        let mine = parameters
        let theirs = other.parameters
        if mine.isEmpty && theirs.isEmpty { return true }
        // Parameters whose absence says something else than their presence.
        let significant: Set<String> = isTel ? ["isub", "ext", "phone-context"] : URI.significantParameters
        return matches(mine, theirs, significant, isTel) && matches(theirs, mine, significant, isTel)
    }

    private static let significantParameters: Set<String> = ["user", "ttl", "method", "maddr", "transport"]

    private func matches(
        _ some: [(name: String, value: String?)], _ others: [(name: String, value: String?)],
        _ significant: Set<String>, _ isTel: Bool
    ) -> Bool {
        for parameter in some {
            let name = parameter.name.lowercased()
            if let same = others.first(where: { $0.name.lowercased() == name }) {
                if (same.value ?? "").lowercased() != (parameter.value ?? "").lowercased() { return false }
            } else if isTel || significant.contains(name) {
                return false
            }
        }
        return true
    }

    private func headersMatch(_ other: URI) -> Bool {
        let mine = headers
        var theirs = other.headers
        guard mine.count == theirs.count else { return false }
        for header in mine {
            let name = header.name.lowercased()
            guard
                let found = theirs.firstIndex(where: {
                    $0.name.lowercased() == name && ($0.value ?? "") == (header.value ?? "")
                })
            else { return false }
            theirs.remove(at: found)
        }
        return true
    }
}
