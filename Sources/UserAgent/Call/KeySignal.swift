import RTP

/// A key in the body of an INFO of the old kind, which is of no package (RFC 6086 §2): no standard has these bodies, but many
/// phones and gateways.
///
/// ```
/// Content-Type: application/dtmf-relay      Content-Type: application/dtmf
///
/// Signal=5                                  5
/// Duration=100
/// ```
struct KeySignal: Hashable {
    /// Which body.
    enum Form: String {
        case relay = "application/dtmf-relay"
        case plain = "application/dtmf"
    }

    /// The key: `0` to `9`, `*`, `#`, `A` to `D`.
    let key: Character

    /// How long it was pressed; nil where that is not said.
    let duration: Duration?

    /// The longest body that is read, in octets.
    static let longestBody = 256

    /// How long the keys of ours are pressed.
    static let usualDuration = Duration.milliseconds(100)

    /// A key; nil for others than those of DTMF.
    init?(_ key: Character, duration: Duration? = KeySignal.usualDuration) {
        guard let known = TelephoneEvent.Code(key)?.key else { return nil }
        self.key = known
        self.duration = duration
    }

    /// Reads a body.
    ///
    /// A key is written as itself, or as the number of its event, 10 to 15 for `*`, `#`, `A` to `D` (RFC 4733 §3.2).
    ///
    /// - Parameter type: the value of Content-Type.
    /// - Returns: nil for bodies of another type, or without a key.
    init?(_ body: String, type: String) {
        let name = type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }.lowercased()
        guard let form = Form(rawValue: name), body.utf8.count <= Self.longestBody else { return nil }
        var duration: Duration?
        var signal: Substring?
        if form == .plain, !body.contains("=") {
            signal = body[...]
        } else {
            for line in body.split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                switch parts[0].filter({ !$0.isWhitespace }).lowercased() {
                case "signal": signal = signal ?? parts[1]
                case "duration":
                    let digits = parts[1].filter { !$0.isWhitespace }
                    duration = duration ?? UInt16(digits).map { Duration.milliseconds($0) }
                default: continue
                }
            }
        }
        guard let text = signal?.filter({ !$0.isWhitespace }) else { return nil }
        if let number = UInt8(text), text.count == 2, 10...15 ~= number {
            guard let key = TelephoneEvent.Code(rawValue: number).key else { return nil }
            self.init(key, duration: duration)
        } else {
            guard text.count == 1, let key = text.first else { return nil }
            self.init(key, duration: duration)
        }
    }

    /// The body of an INFO.
    func content(_ form: Form) -> MessageContent {
        let milliseconds = (duration ?? Self.usualDuration) / Duration.milliseconds(1)
        return switch form {
        case .relay:
            MessageContent(type: form.rawValue, text: "Signal=\(key)\r\nDuration=\(Int(milliseconds))\r\n")
        case .plain: MessageContent(type: form.rawValue, text: "\(key)")
        }
    }
}
