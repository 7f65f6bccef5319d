import RTP
import SIP

/// How the far side is told that a key is pressed.
public enum KeyMethod: String, Sendable, Hashable, CaseIterable {
    /// By telephone events where the far side takes them, else by INFO where it allows that, else by tones.
    case automatic = "auto"
    /// By telephone events in the media (RFC 4733). Where the far side takes none, keys are left out.
    case events
    /// By INFO with `application/dtmf-relay`, or `application/dtmf` where the other is refused by 415.
    case info
    /// By tones in the sound (ITU-T Q.23). Codecs of low rate may break them.
    case tones
}

/// The keys of a call that are to be sent.
struct PressedKeys {
    /// The most keys that wait; further ones are left out.
    static let capacity = 256

    /// Those that wait, in order.
    var waiting: [(code: TelephoneEvent.Code, method: KeyMethod)] = []
    /// Whether an INFO has not been answered yet.
    var isUnderWay = false
    /// Whether the far side takes telephone events; nil before anything was agreed.
    var takesEvents: Bool?
    /// Whether the far side has refused INFO.
    var refusesInfo = false
    /// The body that the far side takes, as far as it is known.
    var form = KeySignal.Form.relay
}

// Keys, pressed by this side.
extension CallLeg {
    /// Presses keys: `0` to `9`, `*`, `#`, `A` to `D`; others are left out. They wait until it is known how the far side is told, and
    /// those that do not go by events until the call is up, unless tones are demanded.
    public func press(_ digits: String, by method: KeyMethod = .automatic) {
        for digit in digits where keys.waiting.count < PressedKeys.capacity {
            if let code = TelephoneEvent.Code(digit) { keys.waiting.append((code, method)) }
        }
        pressKeys()
    }

    /// Sends the keys that wait, as far as that can be done now.
    func pressKeys() {
        guard !isEnded, !keys.isUnderWay else { return }
        while let next = keys.waiting.first, let method = way(of: next.method) {
            keys.waiting.removeFirst()
            if method == .info { return inform(next.code, next.method) }
            (media as? any AudioLegFace)?.send([next.code], asTones: method == .tones)
        }
    }

    /// How a key is sent; nil while that is not known.
    private func way(of method: KeyMethod) -> KeyMethod? {
        switch method {
        case .events, .tones: return method
        case .info: return isAnswered ? .info : nil
        case .automatic:
            guard let takesEvents = keys.takesEvents else { return nil }
            if takesEvents { return .events }
            guard isAnswered, let current else { return nil }
            return !keys.refusesInfo && current.dialog.peerAllows(.info) ? .info : .tones
        }
    }

    /// Sends a key by INFO; the next one waits for the response, since requests may overtake each other.
    private func inform(_ code: TelephoneEvent.Code, _ method: KeyMethod) {
        guard let signal = code.key.flatMap({ KeySignal($0) }) else { return pressKeys() }
        keys.isUnderWay = true
        let form = keys.form
        send(.info, signal.content(form)) { [weak self] _, status, _ in
            guard let self else { return }
            keys.isUnderWay = false
            if status == 415, form == .relay {
                keys.form = .plain
                keys.waiting.insert((code, method), at: 0)
            } else if !status.isSuccess {
                keys.refusesInfo = true
                if method == .automatic { keys.waiting.insert((code, method), at: 0) }
            }
            pressKeys()
        }
    }
}
