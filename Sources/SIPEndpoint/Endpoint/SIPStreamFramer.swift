import Reactor
import SIP

/// Cuts a stream into SIP messages and keep-alives.
struct SIPStreamFramer: Reactor.StreamFramer {
    /// The frame that stands for a keep-alive.
    static let ping: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
    /// The frame that stands for the answer to one of ours.
    static let pong: [UInt8] = [0x0D, 0x0A]
    private var framer: SIP.StreamFramer

    init(limits: MessageLimits, takesPongs: Bool = false) {
        framer = SIP.StreamFramer(limits: limits, takesPongs: takesPongs)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { framer.append(bytes) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        do throws(MessageDefect) {
            switch try framer.next() {
            case .message(let bytes): return bytes
            case .ping: return Self.ping
            case .pong: return Self.pong
            case nil: return nil
            }
        } catch {
            throw StreamFramingError(
                "\(error)", code: Int(error.status.rawValue), beginning: framer.rejectedHead)
        }
    }

    var holdsPartialFrame: Bool { framer.holdsPartialMessage }
}

/// Takes the messages of WebSocket as they are: each is one SIP message, or a keep-alive (RFC 7118 §5, §6).
struct SIPMessageFramer: Reactor.StreamFramer {
    private var message: [UInt8]?

    /// Called with a whole message, whose length was limited before.
    mutating func append(_ bytes: UnsafeRawBufferPointer) { message = Array(bytes) }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        guard let taken = message.take() else { return nil }
        // Line ends alone that are no ping say nothing: they answer one of ours.
        return taken == SIPStreamFramer.ping || taken.contains { $0 != 0x0D && $0 != 0x0A } ? taken : nil
    }

    var holdsPartialFrame: Bool { false }
}
