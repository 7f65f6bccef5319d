public import SIP

/// How a caller wants a request to be treated on its way (RFC 3841 §9.1).
public struct RequestDisposition: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `redirect`: to be told where to go, in place of being forwarded.
    public static let redirect = RequestDisposition(rawValue: 1)
    /// `no-cancel`: who rings in vain goes on ringing when somebody else has answered.
    public static let keepsLosers = RequestDisposition(rawValue: 2)
    /// `no-fork`: one contact only.
    public static let oneContact = RequestDisposition(rawValue: 4)
    /// `no-recurse`: redirections are not followed.
    public static let followsNothing = RequestDisposition(rawValue: 8)
    /// `parallel`: all contacts at once.
    public static let parallel = RequestDisposition(rawValue: 16)
    /// `sequential`: one contact after another.
    public static let sequential = RequestDisposition(rawValue: 32)

    /// Reads the directives of a request. Those that ask for what is done anyway (`proxy`, `cancel`, `fork`, `recurse`), that
    /// are not offered (`queue`) or not known change nothing; of two that contradict each other the first counts.
    public init(_ view: MessageView) {
        self.init(rawValue: 0)
        guard view.firstIndex(of: .requestDisposition) != nil else { return }
        var seen = 0
        for value in view.values(of: .requestDisposition) {
            guard let index = Self.known.firstIndex(where: { view.equals(value, ignoringCase: $0.name) }) else {
                continue
            }
            // Directives that exclude each other stand in pairs.
            let kind = 1 << (index / 2)
            guard seen & kind == 0 else { continue }
            seen |= kind
            insert(Self.known[index].directive)
        }
    }

    private static let known: [(name: StaticString, directive: RequestDisposition)] = [
        ("proxy", []), ("redirect", .redirect), ("cancel", []), ("no-cancel", .keepsLosers), ("fork", []),
        ("no-fork", .oneContact), ("recurse", []), ("no-recurse", .followsNothing), ("parallel", .parallel),
        ("sequential", .sequential),
    ]
}
