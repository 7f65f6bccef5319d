import Reactor
import SIP
public import SIPEndpoint

/// What the `flow` of a `JournalRecord` says: the way a REGISTER came, and whether it came through a NAT.
///
/// A format number, a byte of flags, and the flow as `FlowCode` writes it. A connection does not outlive a restart:
/// of a stream's flow only the addresses are kept, and it leads nowhere any more.
public struct JournalFlow: Hashable, Sendable {
    /// The way; nil when none is known, or none that can be used again.
    public var flow: Flow?
    /// Whether only the way leads to the contact, and not the contact's own address.
    public var isBehindNAT: Bool
    /// Whether the binding is a flow of an instance (RFC 5626 §6).
    public var isOutbound: Bool
    /// Whether the way was a connection, which is gone.
    public private(set) var wasConnection = false

    static let format: UInt8 = 1
    /// No form is longer.
    static let longest = 2 + FlowCode.longest
    private static let behindNAT: UInt8 = 1
    private static let outbound: UInt8 = 2

    public init(flow: Flow?, isBehindNAT: Bool, isOutbound: Bool = false) {
        self.flow = flow
        self.isBehindNAT = isBehindNAT
        self.isOutbound = isOutbound
    }

    /// Reads what the journal kept; bytes of another format, or cut short, are no way at all.
    public init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 2, bytes[0] == Self.format else {
            self.init(flow: nil, isBehindNAT: false)
            return
        }
        let found = FlowCode.read(UnsafeRawBufferPointer(rebasing: bytes[2...]))
        self.init(
            flow: found?.transport.isReliable == true ? nil : found,
            isBehindNAT: bytes[1] & Self.behindNAT != 0, isOutbound: bytes[1] & Self.outbound != 0)
        wasConnection = found?.transport.isReliable == true
    }

    /// Writes into at least `longest` bytes; returns how many were written.
    func write(into memory: UnsafeMutableRawBufferPointer) -> Int {
        guard memory.count >= Self.longest else { return 0 }
        memory[0] = Self.format
        memory[1] = (isBehindNAT ? Self.behindNAT : 0) | (isOutbound ? Self.outbound : 0)
        guard var flow else { return 2 }
        flow.connection = 0
        return 2 + FlowCode.write(flow, into: UnsafeMutableRawBufferPointer(rebasing: memory[2...]))
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
