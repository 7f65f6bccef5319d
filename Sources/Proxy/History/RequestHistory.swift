import SIP

/// The way of a request so far, as it is told by History-Info in what is forwarded and in what goes back (RFC 7044 §9).
struct RequestHistory {
    /// The entries that are known to have led somewhere, in the order of their indexes.
    private(set) var entries: [HistoryEntry]
    /// Whether whoever sent the request wants to hear of it (RFC 7044 §9.4).
    let isReturned: Bool
    /// Where the request itself stands.
    let base: [Int]
    /// How many entries were made below each.
    private var children: [[Int]: Int] = [:]
    /// The entries of the branches that were sent.
    private var sent: [Int: HistoryEntry] = [:]
    /// Where the targets of redirections come from, by branch.
    private var origins: [Int: (base: [Int], mechanism: HistoryEntry.Mechanism?)] = [:]

    /// Reads the history of a request that is to be forwarded (RFC 7044 §9.1); nil when none is kept: by the
    /// configuration, in a dialog, or where what has come cannot be understood.
    init?(_ view: MessageView, _ rule: ProxyConfiguration.HistoryRule) {
        guard rule != .never, (try? view.to)?.tag.isEmpty == true else { return nil }
        var entries: [HistoryEntry] = []
        for value in view.values(of: .historyInfo) {
            guard let entry = HistoryEntry(view, value) else { return nil }
            entries.append(entry)
        }
        isReturned = !entries.isEmpty || view.list(.supported, contains: "histinfo")
        guard isReturned || rule == .always else { return nil }
        let uri = view.array(view.startLine.uriRange)
        if let last = entries.last {
            // Who sent us the request may not have told of it: a gap (RFC 7044 §10.3 rule 6).
            if !Self.isSame(last.bareURI, uri) { entries.append(HistoryEntry(uri, index: last.index + [0], nil)) }
        } else {
            entries.append(HistoryEntry(uri, index: [1], nil))
        }
        base = entries[entries.count - 1].index
        self.entries = entries
    }

    private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        if a == b { return true }
        guard let first = try? URI(a), let second = try? URI(b) else { return false }
        return first.isEquivalent(to: second)
    }

    private mutating func next(below base: [Int]) -> [Int] {
        let number = (children[base] ?? 0) + 1
        children[base] = number
        return base + [number]
    }

    // MARK: Sending

    /// The entry of a branch, made when it is sent first (RFC 7044 §9.2).
    ///
    /// - Parameters:
    ///   - uri: its Request-URI; nil when that is unchanged.
    ///   - original: the Request-URI of the request.
    mutating func entry(of branch: Int, uri: [UInt8]?, original: [UInt8]) -> HistoryEntry {
        if let known = sent[branch] { return known }
        let origin = origins[branch]
        let mechanism = origin.map(\.mechanism) ?? (uri == nil ? .unchanged(from: base) : .contact(of: base))
        let entry = HistoryEntry(uri ?? original, index: next(below: origin?.base ?? base), mechanism)
        sent[branch] = entry
        return entry
    }

    /// A Contact of a 3xx has become targets (RFC 7044 §10.4).
    ///
    /// - Parameters:
    ///   - uri: the URI of the Contact, where others stand for it: the contacts of a user of ours.
    ///   - mechanism: what the Contact says of itself.
    ///   - branches: those of the targets.
    mutating func redirect(to uri: [UInt8]?, _ mechanism: HistoryEntry.Mechanism?, _ branches: some Sequence<Int>) {
        guard let uri else {
            for branch in branches { origins[branch] = (base, mechanism) }
            return
        }
        // What is retargeted within this element has an entry of its own (RFC 7044 §7).
        let inner = HistoryEntry(uri, index: next(below: base), mechanism)
        insert(inner)
        for branch in branches { origins[branch] = (inner.index, .contact(of: inner.index)) }
    }

    // MARK: Receiving

    /// A branch has had a response, or none in time (RFC 7044 §9.3).
    ///
    /// - Parameter response: the response; nil for what this element says itself.
    mutating func received(_ status: StatusCode, _ response: MessageView?, for branch: Int) {
        guard status != 100, var entry = sent[branch] else { return }
        if status.rawValue >= 300 {
            entry.add(reason: Array("SIP;cause=\(status.rawValue)".utf8))
            if let response {
                for value in response.values(of: .reason) { entry.add(reason: response.array(value)) }
            }
        }
        insert(entry)
        guard let response else { return }
        for value in response.values(of: .historyInfo) {
            guard let further = HistoryEntry(response, value), !entries.contains(where: { $0.index == further.index })
            else { continue }
            insert(further)
        }
    }

    /// Puts an entry in its place, instead of one with the same index.
    private mutating func insert(_ entry: HistoryEntry) {
        let place = entries.firstIndex { !$0.index.lexicographicallyPrecedes(entry.index) } ?? entries.count
        if place < entries.count, entries[place].index == entry.index {
            entries[place] = entry
        } else {
            entries.insert(entry, at: place)
        }
    }

    // MARK: Writing

    /// All entries and one more, in their order, as header fields.
    ///
    /// - Parameter isHidden: whether an entry must not be seen where the message goes.
    func write(
        with further: HistoryEntry? = nil, into writer: inout ByteWriter,
        hiding isHidden: (HistoryEntry) -> Bool = { _ in false }
    ) {
        var all = self
        if let further { all.insert(further) }
        for var entry in all.entries {
            if isHidden(entry) { entry.anonymize() }
            writer.append("History-Info: ")
            entry.write(into: &writer)
            writer.append("\r\n")
        }
    }

    /// Where the request itself stands, for a redirect server's Contact (RFC 7044 §8).
    var requestIndex: String { HistoryEntry.text(base) }
}
