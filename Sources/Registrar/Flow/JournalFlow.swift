import Reactor
import SIP
public import SIPEndpoint

/// What the `flow` of a `JournalRecord` says: the way a REGISTER came, and whether it came through a NAT.
///
/// A format number, a byte of flags, a generation when it is flagged, and the flow as `FlowCode` writes it. A connection does not outlive a restart:
/// of a stream's flow only the addresses are kept, and it leads nowhere any more.
public struct JournalFlow: Hashable, Sendable {
    /// The way; nil when none is known, or none that can be used again.
    public var flow: Flow?
    /// Whether only the way leads to the contact, and not the contact's own address.
    public var isBehindNAT: Bool
    /// Whether the binding is a flow of an instance (RFC 5626 §6).
    public var isOutbound: Bool
    /// Which temporary GRUUs of the instance are valid (RFC 5627 §5.1); 0 when none is.
    public var generation: UInt32
    /// Whether the user agent can be woken by a push notification (RFC 8599).
    public var wakesByPush: Bool
    /// Whether the way was a connection, which is gone.
    public private(set) var wasConnection = false

    static let format: UInt8 = 1
    /// No form is longer.
    static let longest = 2 + 4 + FlowCode.longest
    private static let behindNAT: UInt8 = 1
    private static let outbound: UInt8 = 2
    private static let hasGeneration: UInt8 = 4
    private static let push: UInt8 = 8

    public init(
        flow: Flow?, isBehindNAT: Bool, isOutbound: Bool = false, generation: UInt32 = 0, wakesByPush: Bool = false
    ) {
        self.wakesByPush = wakesByPush
        self.flow = flow
        self.generation = generation
        self.isBehindNAT = isBehindNAT
        self.isOutbound = isOutbound
    }

    /// Reads what the journal kept; bytes of another format, or cut short, are no way at all.
    public init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 2, bytes[0] == Self.format else {
            self.init(flow: nil, isBehindNAT: false)
            return
        }
        var start = 2
        var generation: UInt32 = 0
        if bytes[1] & Self.hasGeneration != 0, bytes.count >= 6 {
            generation = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
            start = 6
        }
        let found = FlowCode.read(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        self.init(
            flow: found?.transport.isReliable == true ? nil : found,
            isBehindNAT: bytes[1] & Self.behindNAT != 0, isOutbound: bytes[1] & Self.outbound != 0,
            generation: generation, wakesByPush: bytes[1] & Self.push != 0)
        wasConnection = found?.transport.isReliable == true
    }

    /// Writes into at least `longest` bytes; returns how many were written.
    func write(into memory: UnsafeMutableRawBufferPointer) -> Int {
        guard memory.count >= Self.longest else { return 0 }
        memory[0] = Self.format
        memory[1] = (isBehindNAT ? Self.behindNAT : 0) | (isOutbound ? Self.outbound : 0)
        if wakesByPush { memory[1] |= Self.push }
        var count = 2
        if generation != 0 {
            memory[1] |= Self.hasGeneration
            memory.storeBytes(of: generation.littleEndian, toByteOffset: 2, as: UInt32.self)
            count = 6
        }
        guard var flow else { return count }
        flow.connection = 0
        return count + FlowCode.write(flow, into: UnsafeMutableRawBufferPointer(rebasing: memory[count...]))
    }

    /// The bytes for the journal.
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.longest) { buffer, count in
            count = write(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}

extension Flow {
    /// The same way in a server that was started anew, whose listeners may stand in another order; nil when none of them
    /// listens where it came in.
    func restored(to listeners: [Listener]) -> Flow? {
        guard !transport.isReliable else { return nil }
        func fits(_ listener: Listener) -> Bool {
            listener.transport == transport && listener.address.family == local.family
                && listener.address.port == local.port
                && (listener.address.isWildcard || listener.address.hasSameHost(as: local))
        }
        var flow = self
        if listeners.indices.contains(Int(listener)), fits(listeners[Int(listener)]) { return flow }
        guard let index = listeners.firstIndex(where: fits) else { return nil }
        flow.listener = UInt16(truncatingIfNeeded: index)
        return flow
    }
}
