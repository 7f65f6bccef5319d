/// A dialog as others name it: the value of Replaces (RFC 3891 §6.1), Join (RFC 3911 §7.1) and Target-Dialog (RFC 4538 §7).
///
/// "To" and "from" are seen by the one who gets the header: its own tag is the first, its peer's the second. In Target-Dialog they
/// are called local and remote.
public struct DialogReference: Hashable, Sendable {
    /// The Call-ID.
    public var callID: String
    /// The tag of the one who gets the reference.
    public var toTag: String
    /// The tag of its peer.
    public var fromTag: String
    /// Whether only an early dialog is meant (RFC 3891 §6.1).
    public var isEarlyOnly: Bool

    /// A reference of its parts.
    public init(callID: String, toTag: String, fromTag: String, isEarlyOnly: Bool = false) {
        self.callID = callID
        self.toTag = toTag
        self.fromTag = fromTag
        self.isEarlyOnly = isEarlyOnly
    }

    /// Names a dialog of ours so that its peer understands it: what is local here is remote there.
    public init(forPeerOf dialog: DialogID, isEarlyOnly: Bool = false) {
        self.init(
            callID: String(decoding: dialog.callID, as: UTF8.self),
            toTag: Self.text(dialog.remoteTag), fromTag: Self.text(dialog.localTag), isEarlyOnly: isEarlyOnly)
    }

    /// Names a dialog at this end.
    public init(local dialog: DialogID) {
        self.init(
            callID: String(decoding: dialog.callID, as: UTF8.self),
            toTag: Self.text(dialog.localTag), fromTag: Self.text(dialog.remoteTag))
    }

    /// A missing tag, of an RFC 2543 peer, is written as zero (RFC 3891 §3).
    private static func text(_ tag: [UInt8]) -> String { tag.isEmpty ? "0" : String(decoding: tag, as: UTF8.self) }

    /// Reads the value of Replaces or Join.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` when a part is missing or there twice.
    public init(_ text: String) throws(MessageDefect) {
        try self.init(text, toName: "to-tag", fromName: "from-tag", header: .replaces)
    }

    /// Reads the value of Target-Dialog.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` when a part is missing or there twice.
    public init(targetDialog text: String) throws(MessageDefect) {
        try self.init(text, toName: "local-tag", fromName: "remote-tag", header: .targetDialog)
    }

    private init(_ text: String, toName: String, fromName: String, header: HeaderName) throws(MessageDefect) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
        callID = parts.first ?? ""
        var tags: [String: String] = [:]
        isEarlyOnly = false
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
            let name = pair[0].lowercased()
            if name == "early-only" { isEarlyOnly = true }
            guard name == toName || name == fromName else { continue }
            guard pair.count == 2, tags[name] == nil else { throw Self.malformed(header) }
            tags[name] = pair[1]
        }
        guard !callID.isEmpty, !callID.contains(where: \.isWhitespace), let to = tags[toName],
            let from = tags[fromName],
            !to.isEmpty, !from.isEmpty
        else { throw Self.malformed(header) }
        toTag = to
        fromTag = from
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private static func malformed(_ header: HeaderName) -> MessageDefect {
        MessageDefect(.headerValue, "The dialog is not named by a Call-ID and two tags", header: header)
    }

    /// Whether a dialog at this end is meant (RFC 3891 §3): a tag of zero is a missing one too.
    public func matches(_ dialog: DialogID) -> Bool {
        dialog.callID.elementsEqual(callID.utf8) && Self.matches(toTag, dialog.localTag)
            && Self.matches(fromTag, dialog.remoteTag)
    }

    private static func matches(_ text: String, _ tag: [UInt8]) -> Bool {
        tag.elementsEqual(text.utf8) || tag.isEmpty && text == "0"
    }

    /// The value of Target-Dialog.
    public var targetDialogValue: String { "\(callID);local-tag=\(toTag);remote-tag=\(fromTag)" }
}

extension DialogReference: CustomStringConvertible {
    /// The value of Replaces or Join.
    public var description: String {
        "\(callID);to-tag=\(toTag);from-tag=\(fromTag)\(isEarlyOnly ? ";early-only" : "")"
    }
}
