import ICE
import Reactor

/// Cuts what a client sends by a connection into messages and channel data, until it asks for the connection to be one for data
/// (ConnectionBind, RFC 6062 §4.3): from there on octets come as they are, each piece with ``mark`` in front.
struct TURNConnectionFramer: StreamFramer {
    /// What no message and no channel data begins with.
    static let mark: UInt8 = 0xFF

    private var framer = TURNFramer()
    private var isForData = false
    private var rest: [UInt8] = []

    /// Whether a frame is a ConnectionBind request.
    static func isBinding(_ frame: [UInt8]) -> Bool { frame.count >= 20 && frame[0] == 0 && frame[1] == 0x0B }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if isForData { rest += bytes } else { framer.append(bytes) }
    }

    mutating func next() throws(StreamFramingError) -> [UInt8]? {
        guard !isForData else {
            guard !rest.isEmpty else { return nil }
            defer { rest = [] }
            return [Self.mark] + rest
        }
        do throws(TURNFramer.Defect) {
            guard let frame = try framer.next() else { return nil }
            if Self.isBinding(frame) {
                isForData = true
                rest = framer.takeRest()
            }
            return frame
        } catch {
            throw StreamFramingError("neither a message of STUN nor channel data")
        }
    }

    var holdsPartialFrame: Bool { !isForData && framer.isPartial }
}
