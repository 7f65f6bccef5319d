import ICE
public import Reactor

/// Cuts a connection between a TURN client and its server into messages and channel data (RFC 8656 §3.1, §12.5), at either end.
public struct TURNStreamFramer: Reactor.StreamFramer {
    private var framer = TURNFramer()
    private var ready: ArraySlice<[UInt8]> = []
    private var isBroken = false

    /// A framer at the beginning of a connection.
    public init() {}

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard !isBroken else { return }
        do throws(TURNFramer.Defect) {
            ready = ready + (try framer.receive([UInt8](bytes)))
        } catch {
            isBroken = true
        }
    }

    public mutating func next() throws(StreamFramingError) -> [UInt8]? {
        if let frame = ready.popFirst() { return frame }
        guard isBroken else { return nil }
        throw StreamFramingError("neither a message of STUN nor channel data")
    }

    public var holdsPartialFrame: Bool { framer.isPartial }
}
