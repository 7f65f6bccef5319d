/// A request method (RFC 3261 §7.1 and its extensions); methods that are not known keep their text in the message.
@frozen
public struct Method: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A method outside the list below: legal, and told apart by its bytes.
    public static let unknown = Method(rawValue: 0)
    public static let invite = Method(rawValue: 1)
    public static let ack = Method(rawValue: 2)
    public static let bye = Method(rawValue: 3)
    public static let cancel = Method(rawValue: 4)
    public static let options = Method(rawValue: 5)
    public static let register = Method(rawValue: 6)
    public static let info = Method(rawValue: 7)
    public static let prack = Method(rawValue: 8)
    public static let subscribe = Method(rawValue: 9)
    public static let notify = Method(rawValue: 10)
    public static let update = Method(rawValue: 11)
    public static let message = Method(rawValue: 12)
    public static let refer = Method(rawValue: 13)
    public static let publish = Method(rawValue: 14)

    /// All methods that are registered.
    public static let all: [Method] = (1...14).map { Method(rawValue: UInt8($0)) }

    /// The method on the wire; empty for `unknown`.
    public var text: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .info: "INFO"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .update: "UPDATE"
        case .message: "MESSAGE"
        case .refer: "REFER"
        case .publish: "PUBLISH"
        default: ""
        }
    }

    /// Finds the method of a token; case matters (RFC 3261 §7.1).
    @usableFromInline
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        let bytes = base + range.lowerBound
        let candidate: Method
        switch (bytes[0], range.count) {
        case (UInt8(ascii: "I"), 6): candidate = .invite
        case (UInt8(ascii: "I"), 4): candidate = .info
        case (UInt8(ascii: "A"), 3): candidate = .ack
        case (UInt8(ascii: "B"), 3): candidate = .bye
        case (UInt8(ascii: "C"), 6): candidate = .cancel
        case (UInt8(ascii: "O"), 7): candidate = .options
        case (UInt8(ascii: "R"), 8): candidate = .register
        case (UInt8(ascii: "R"), 5): candidate = .refer
        case (UInt8(ascii: "P"), 5): candidate = .prack
        case (UInt8(ascii: "P"), 7): candidate = .publish
        case (UInt8(ascii: "S"), 9): candidate = .subscribe
        case (UInt8(ascii: "N"), 6): candidate = .notify
        case (UInt8(ascii: "U"), 6): candidate = .update
        case (UInt8(ascii: "M"), 7): candidate = .message
        default: candidate = .unknown
        }
        let text = candidate.text
        for i in 0..<text.utf8CodeUnitCount where bytes[i] != text.utf8Start[i] {
            self = .unknown
            return
        }
        self = candidate
    }
}

extension Method: CustomStringConvertible {
    public var description: String { self == .unknown ? "unknown" : String(describing: text) }
}
