/// A request method (RFC 3261 §7.1 and its extensions); methods that are not known keep their text in the message.
@frozen
public struct Method: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A method outside the list below: legal, and told apart by its bytes.
    @inlinable public static var unknown: Method { Method(rawValue: 0) }
    @inlinable public static var invite: Method { Method(rawValue: 1) }
    @inlinable public static var ack: Method { Method(rawValue: 2) }
    @inlinable public static var bye: Method { Method(rawValue: 3) }
    @inlinable public static var cancel: Method { Method(rawValue: 4) }
    @inlinable public static var options: Method { Method(rawValue: 5) }
    @inlinable public static var register: Method { Method(rawValue: 6) }
    @inlinable public static var info: Method { Method(rawValue: 7) }
    @inlinable public static var prack: Method { Method(rawValue: 8) }
    @inlinable public static var subscribe: Method { Method(rawValue: 9) }
    @inlinable public static var notify: Method { Method(rawValue: 10) }
    @inlinable public static var update: Method { Method(rawValue: 11) }
    @inlinable public static var message: Method { Method(rawValue: 12) }
    @inlinable public static var refer: Method { Method(rawValue: 13) }
    @inlinable public static var publish: Method { Method(rawValue: 14) }

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
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        let bytes = base + range.lowerBound
        let count = Int(range.count)
        let candidate: Method
        switch (count, count > 0 ? bytes[0] : 0) {
        case (6, UInt8(ascii: "I")): candidate = .invite
        case (4, UInt8(ascii: "I")): candidate = .info
        case (3, UInt8(ascii: "A")): candidate = .ack
        case (3, UInt8(ascii: "B")): candidate = .bye
        case (6, UInt8(ascii: "C")): candidate = .cancel
        case (7, UInt8(ascii: "O")): candidate = .options
        case (8, UInt8(ascii: "R")): candidate = .register
        case (5, UInt8(ascii: "R")): candidate = .refer
        case (5, UInt8(ascii: "P")): candidate = .prack
        case (7, UInt8(ascii: "P")): candidate = .publish
        case (9, UInt8(ascii: "S")): candidate = .subscribe
        case (6, UInt8(ascii: "N")): candidate = .notify
        case (6, UInt8(ascii: "U")): candidate = .update
        case (7, UInt8(ascii: "M")): candidate = .message
        default:
            self = .unknown
            return
        }
        let text = candidate.text.utf8Start
        for i in 0..<count where bytes[i] != text[i] {
            self = .unknown
            return
        }
        self = candidate
    }

    /// Finds the method of a text; case matters.
    public init(_ text: String) {
        var text = text
        self = text.withUTF8 { buffer in
            guard let base = buffer.baseAddress else { return .unknown }
            return Method(base, ByteRange(0, buffer.count))
        }
    }
}

extension Method: CustomStringConvertible {
    public var description: String { self == .unknown ? "unknown" : String(describing: text) }
}
