import SIP
import SIPEndpoint

// Recursion: the contacts of a 3xx join the target set (RFC 3261 §16.7 step 4).
extension ResponseContext {
    /// Follows a redirection as far as it may be followed.
    ///
    /// - Returns: false when it is to be treated like any other response.
    func follow(_ response: MessageView, _ i: Int, _ layer: TransactionLayer) -> Bool {
        // A request for a resource that is none of ours goes where its sender says and nowhere else (§16.5).
        guard let policy = proxy.policy, directives.followsRedirections, isHome, !isAnswered,
            !isCancelled,
            !best.isGlobalFailure, targets[i].redirections < proxy.configuration.redirectionLimit
        else { return false }
        var rest: [ByteRange] = []
        var added: [Int] = []
        var isEmpty = true
        for value in response.values(of: .contact) {
            isEmpty = false
            let start = added.count
            guard let (uri, found) = targets(in: value, of: response, policy) else {
                rest.append(value)
                continue
            }
            added += add(found, behind: i)
            if history != nil { noteRedirection(to: uri, value, of: response, added[start...]) }
        }
        if isEmpty || added.isEmpty && !rest.isEmpty { return false }
        // What was followed is taken out of the response; without a contact it is worth nothing.
        if !rest.isEmpty { addToBest(response, contacts: rest) }
        if !added.isEmpty {
            proxy.counters.redirections &+= 1
            let fields = diversion(by: response, i)
            if !fields.isEmpty { for branch in added { diversions[branch] = fields } }
        }
        waiting.insert(
            contentsOf: added.sorted { (targets[$1].preference, $0) < (targets[$0].preference, $1) }, at: 0)
        // They take the place of the target that sent them on, whoever else still rings.
        if !startGroup(layer) { settle(layer) }
        return true
    }

    /// More than any preference of a target, so that it decides among those of one contact alone.
    private static let scale = 10_000_000

    /// Adds targets to the set, but for those that are in it; returns their branches.
    private func add(_ found: [ProxyTarget], behind i: Int) -> [Int] {
        var added: [Int] = []
        for var target in found where targets.count < proxy.configuration.branchLimit {
            guard let uri = target.uri.flatMap({ try? URI($0) }), !isKnown(uri) else { continue }
            target.redirections = targets[i].redirections + 1
            added.append(targets.count)
            targets.append(target)
            branches.append(Branch())
        }
        return added
    }

    /// Tells the history how targets were found: by what the Contact says of itself, or through a user of ours
    /// (RFC 7044 §10.4).
    private func noteRedirection(
        to uri: URI, _ value: ByteRange, of response: MessageView, _ branches: ArraySlice<Int>
    ) {
        guard !branches.isEmpty, let address = try? response.address(value) else { return }
        let parameters = response.parameters(address.parameters)
        func index(_ name: StaticString) -> [Int]? {
            parameters.first(name).flatMap { HistoryEntry.index(response.bytes($0.value)) }
        }
        let mechanism =
            index("mp").map(HistoryEntry.Mechanism.mapped) ?? index("rc").map(HistoryEntry.Mechanism.contact)
        let isItself = branches.allSatisfy { targets[$0].uri == uri.bytes }
        history?.redirect(to: isItself ? nil : uri.bytes, mechanism, branches)
    }

    /// The URI of a Contact value and the targets that it stands for; nil when it may not be followed.
    private func targets(
        in value: ByteRange, of response: MessageView, _ policy: any ProxyPolicy
    ) -> (uri: URI, found: [ProxyTarget])? {
        guard let contact = try? response.contact(value), !contact.address.isWildcard,
            let uri = (try? URI(response, contact.address.uri))?.asRequestURI, uri.index.isSIP
        else { return nil }
        return message.withView { request in
            // Who asked for a secured way is not led to another (RFC 3261 §16.7 step 4, §26.4.4).
            if (try? request.requestURI)?.scheme == .sips, uri.scheme != .sips { return nil }
            var found = policy.targets(for: uri, redirecting: request)
            guard !found.isEmpty else { return nil }
            // The order of whoever sent us on comes before that of the users found there.
            for n in found.indices {
                found[n].preference = contact.quality * Self.scale + min(found[n].preference, Self.scale - 1)
            }
            return (uri, found)
        }
    }

    /// Whether a URI is in the target set: none is added twice (RFC 3261 §16.5).
    private func isKnown(_ uri: URI) -> Bool {
        targets.contains { $0.uri.flatMap { try? URI($0) }?.isEquivalent(to: uri) == true }
    }

    private func addToBest(_ response: MessageView, contacts: [ByteRange]) {
        var editor = MessageEditor()
        guard let first = response.firstIndex(of: .contact) else { return }
        editor.insert(at: response.fieldRange(first).lowerBound) { writer in
            for contact in contacts {
                writer.append("Contact: ")
                writer.append(response.bytes(contact))
                writer.append("\r\n")
            }
        }
        editor.removeAll(.contact, of: response)
        var writer = ByteWriter(capacity: response.count + 64)
        editor.write(response, into: &writer)
        guard let left = try? Message(writer.bytes) else { return }
        left.withView { best.add($0) }
    }
}

extension URI {
    /// The URI without what a Request-URI must not have: headers and `method` (RFC 3261 §19.1.1, table 1).
    var asRequestURI: URI? {
        let hasMethod = parameter("method") != nil
        guard !index.headers.isEmpty || hasMethod else { return self }
        var kept = bytes
        if !index.headers.isEmpty { kept.removeLast(bytes.count - index.headers.lowerBound + 1) }
        guard hasMethod else { return try? URI(kept) }
        let start = index.parameters.lowerBound
        let parameters = kept[start...].split(separator: UInt8(ascii: ";")).filter { part in
            !String(decoding: part.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self).lowercased().elementsEqual(
                "method")
        }
        return try? URI(Array(kept[..<start]) + parameters.flatMap { [UInt8(ascii: ";")] + $0 })
    }
}
