import SIP

// What a response context tells of the way of its request: History-Info (RFC 7044) and Diversion (RFC 5806).
extension ResponseContext {
    /// The History-Info fields of a branch, its own entry among them; nil leaves those that came.
    func historyFields(of i: Int) -> (fields: [UInt8], heedsPrivacy: Bool)? {
        guard history != nil else { return nil }
        return message.withView { view in
            let original = view.array(view.startLine.uriRange)
            guard let entry = history?.entry(of: i, uri: targets[i].uri, original: original), let history else {
                return nil
            }
            var writer = ByteWriter(capacity: 512)
            let leaves = targets[i].leavesDomain || targets[i].uri == nil && !isResponsible(for: original)
            let isPrivate = leaves && Self.hidesHistory(view)
            history.write(with: entry, into: &writer) { leaves && (isPrivate || $0.isPrivate) && isOurs($0) }
            return (writer.array, isPrivate)
        }
    }

    /// Tells in a response what became of the request, or takes out what its sender did not ask for (RFC 7044 §9.4).
    func editHistory(of view: MessageView, with editor: inout MessageEditor) {
        guard let history else { return }
        let heedsPrivacy = history.isReturned && leavesUpstream && Self.hidesHistory(view)
        if history.isReturned {
            let fields = returnedFields(view)
            let place = view.firstIndex(of: .historyInfo).map { view.fieldRange($0).lowerBound } ?? view.headersEnd
            editor.insert(at: place) { $0.append(fields) }
        }
        editor.removeAll(.historyInfo, of: view)
        if heedsPrivacy { editor.takeHistoryOutOfPrivacy(view) }
    }

    /// The History-Info fields of a response that goes back.
    ///
    /// - Parameter response: the response of a branch; nil for one of ours.
    func returnedFields(_ response: MessageView? = nil) -> [UInt8] {
        guard let history, history.isReturned else { return [] }
        var writer = ByteWriter(capacity: 512)
        let leaves = leavesUpstream
        let isPrivate =
            leaves && (message.withView { Self.hidesHistory($0) } || response.map(Self.hidesHistory) == true)
        history.write(into: &writer) { leaves && (isPrivate || $0.isPrivate) && isOurs($0) }
        return writer.array
    }

    // MARK: Privacy (RFC 7044 §10.1.2)

    /// Whether whoever sent the request is in a domain that is none of ours.
    private var leavesUpstream: Bool {
        message.withView { view in
            guard let from = try? view.from, let uri = try? view.uri(from.uri) else { return true }
            return proxy.policy?.isResponsible(forHost: view.bytes(uri.host)) != true
        }
    }

    /// Whether a message wants all entries of its domain to be hidden from others.
    private static func hidesHistory(_ view: MessageView) -> Bool {
        guard let value = view.value(of: .privacy) else { return false }
        return view.text(value).lowercased().split(separator: ";").contains { part in
            let name = part.filter { $0 != " " && $0 != "\t" }
            return name == "history" || name == "header"
        }
    }

    /// Whether an entry is of a domain of ours: by its host, or since it stands for a user of ours.
    private func isOurs(_ entry: HistoryEntry) -> Bool {
        if isResponsible(for: entry.bareURI) { return true }
        guard let history, entry.index.starts(with: history.base) else { return false }
        return message.withView { isResponsible(for: $0.array($0.startLine.uriRange)) }
    }

    private func isResponsible(for uri: [UInt8]) -> Bool {
        guard let parsed = try? URI(uri), parsed.index.isSIP else { return false }
        return parsed.bytes.withUnsafeBytes { bytes in
            let host = bytes[parsed.index.host.lowerBound..<parsed.index.host.upperBound]
            return proxy.policy?.isResponsible(forHost: UnsafeRawBufferPointer(rebasing: host)) == true
        }
    }

    // MARK: Diversion

    /// The Diversion fields of those to whom a response 3xx of a branch leads (RFC 5806 §5.4): what the phone says, or else
    /// from whom the call was diverted; and those of diversions before.
    func diversion(by response: MessageView, _ i: Int) -> [UInt8] {
        guard proxy.configuration.addsDiversion, isInvite else { return [] }
        var writer = ByteWriter(capacity: 128)
        var isSaid = false
        for value in response.values(of: .diversion) {
            isSaid = true
            writer.append("Diversion: ")
            writer.append(response.bytes(value))
            writer.append("\r\n")
        }
        if !isSaid {
            writer.append("Diversion: <")
            message.withView { writer.append($0.bytes($0.startLine.uriRange)) }
            // Who rang first was asked, and has sent the caller on.
            writer.append(branches[i].hasRung ? ">;reason=deflection\r\n" : ">;reason=unconditional\r\n")
        }
        if let before = diversions[i] { writer.append(before) }
        return writer.array
    }
}

extension MessageEditor {
    /// Takes `history` out of Privacy once it was heeded (RFC 7044 §10.1.2).
    mutating func takeHistoryOutOfPrivacy(_ view: MessageView) {
        guard let index = view.firstIndex(of: .privacy) else { return }
        let value = view.field(index).valueRange
        let parts = view.text(value).split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
        let rest = parts.filter { $0.lowercased() != "history" }
        guard rest.count < parts.count else { return }
        if rest.isEmpty {
            removeField(index, of: view)
        } else {
            replace(value) { $0.append(rest.joined(separator: ";")) }
        }
    }
}
