import Foundation

/// Something that baresip tells: a step of a registration or a call.
public struct BaresipEvent: Sendable, Hashable {
    /// The kinds of events that tests wait for; others come by their name.
    public struct Kind: RawRepresentable, Sendable, Hashable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let registered = Kind(rawValue: "REGISTER_OK")
        public static let registrationFailed = Kind(rawValue: "REGISTER_FAIL")
        public static let unregistering = Kind(rawValue: "UNREGISTERING")
        public static let incoming = Kind(rawValue: "CALL_INCOMING")
        public static let ringing = Kind(rawValue: "CALL_RINGING")
        public static let progress = Kind(rawValue: "CALL_PROGRESS")
        public static let established = Kind(rawValue: "CALL_ESTABLISHED")
        public static let closed = Kind(rawValue: "CALL_CLOSED")
        /// The first RTP packet has come.
        public static let mediaReceived = Kind(rawValue: "CALL_RTPESTAB")
        /// The other side presses a key, which `detail` names.
        public static let keyPressed = Kind(rawValue: "CALL_DTMF_START")
    }

    public let kind: Kind
    /// The account's address of record, `sip:user@host`.
    public let account: String
    /// The other side's URI, for calls.
    public let peer: String
    /// baresip's own id of the call.
    public let call: String
    /// What is told besides: the reason of an end, `486 Busy Here`.
    public let detail: String
    /// The place among all that baresip has told.
    public let index: Int
}

/// What comes over baresip's control connection: an event or the answer to a command.
struct BaresipMessage: Sendable {
    /// The answer to a command: whether it was carried out, and its text.
    struct Answer: Sendable {
        let token: String
        let isAccepted: Bool
        let text: String
    }

    var event: BaresipEvent?
    var answer: Answer?

    /// Reads one JSON object; `nil` when it is none.
    init?(_ bytes: some Sequence<UInt8>, index: Int) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
        func text(_ key: String) -> String { object[key] as? String ?? "" }
        if object["event"] as? Bool == true {
            event = BaresipEvent(
                kind: .init(rawValue: text("type")), account: text("accountaor"), peer: text("peeruri"),
                call: text("id"), detail: text("param"), index: index)
        } else if object["response"] as? Bool == true {
            answer = Answer(token: text("token"), isAccepted: object["ok"] as? Bool ?? false, text: text("data"))
        } else {
            return nil
        }
    }
}
