import Glibc

/// A binding where it lies in memory: a header of fixed size, then flow, contact, parameters, Call-ID and Path.
///
/// The same bytes are a part of an `AddressEntry` and of a change in a `JournalOutbox`. Nothing is aligned.
struct StoredBinding {
    let base: UnsafeMutableRawPointer

    /// What a binding is besides its times.
    struct Flags: OptionSet {
        let rawValue: UInt8
        /// Only the flow leads to the contact.
        static let behindNAT = Flags(rawValue: 1)
        /// It came from the journal, so that it is not known what expiration was granted.
        static let restored = Flags(rawValue: 2)
        /// It is a flow of an instance: told by `+sip.instance` and `reg-id`, whatever its contact (RFC 5626 §6).
        static let outbound = Flags(rawValue: 4)
        /// Its user agent can be woken by a push notification (RFC 8599), so that it outlives its connection.
        static let push = Flags(rawValue: 8)
        /// A push notification was asked for, since it is about to end.
        static let woken = Flags(rawValue: 16)
    }

    private enum Offset {
        static let expires = 0
        static let registered = 4
        static let sequenceNumber = 8
        static let preference = 12
        static let contactCount = 14
        static let parametersCount = 16
        static let callIDCount = 18
        static let pathCount = 20
        static let flowCount = 22
        static let flags = 23
        static let generation = 24
    }

    /// Bytes of the header.
    static let headerSize = 28

    private func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
        base.loadUnaligned(fromByteOffset: offset, as: type)
    }

    private func count(_ offset: Int) -> Int { Int(load(offset, as: UInt16.self)) }

    /// When it ends; 0 marks a binding that was removed while others are loaded.
    var expires: WallTime {
        get { WallTime(seconds: load(Offset.expires, as: UInt32.self)) }
        nonmutating set { base.storeBytes(of: newValue.seconds, toByteOffset: Offset.expires, as: UInt32.self) }
    }

    /// When it was last set.
    var registered: WallTime {
        get { WallTime(seconds: load(Offset.registered, as: UInt32.self)) }
        nonmutating set { base.storeBytes(of: newValue.seconds, toByteOffset: Offset.registered, as: UInt32.self) }
    }

    /// The CSeq of the request that set it.
    var sequenceNumber: UInt32 {
        get { load(Offset.sequenceNumber, as: UInt32.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: Offset.sequenceNumber, as: UInt32.self) }
    }

    /// The `q` in thousandths, or `Preference.absent`.
    var preference: UInt16 {
        get { load(Offset.preference, as: UInt16.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: Offset.preference, as: UInt16.self) }
    }

    var flags: Flags {
        get { Flags(rawValue: load(Offset.flags, as: UInt8.self)) }
        nonmutating set { base.storeBytes(of: newValue.rawValue, toByteOffset: Offset.flags, as: UInt8.self) }
    }

    /// Which temporary GRUUs of its instance are valid: those with this number (RFC 5627 §5.1); 0 when it has no instance.
    var generation: UInt32 {
        get { load(Offset.generation, as: UInt32.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: Offset.generation, as: UInt32.self) }
    }

    private var flowCount: Int { Int(load(Offset.flowCount, as: UInt8.self)) }

    private func part(_ start: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + Self.headerSize + start, count: count)
    }

    /// The flow as `FlowCode` writes it; empty when there is none.
    var flow: UnsafeRawBufferPointer { part(0, flowCount) }

    var contact: UnsafeRawBufferPointer { part(flowCount, count(Offset.contactCount)) }

    var parameters: UnsafeRawBufferPointer {
        part(flowCount &+ count(Offset.contactCount), count(Offset.parametersCount))
    }

    private var callIDOffset: Int {
        Self.headerSize &+ flowCount &+ count(Offset.contactCount) &+ count(Offset.parametersCount)
    }

    var callID: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + callIDOffset, count: count(Offset.callIDCount))
    }

    private var pathOffset: Int { callIDOffset &+ count(Offset.callIDCount) }

    /// The proxies between us and the contact, as a list of Route values; empty when there are none (RFC 3327 §5.3).
    var path: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + pathOffset, count: count(Offset.pathCount))
    }

    /// Bytes of the whole.
    var size: Int { pathOffset &+ count(Offset.pathCount) }

    /// Whether it ends neither now nor did before.
    func isCurrent(_ now: WallTime) -> Bool { expires > now }

    /// Whether it stands for a binding that was removed while others are loaded.
    var isTombstone: Bool { expires.seconds == 0 }

    /// Whether keep-alives must be sent to it: a datagram flow through a NAT.
    var needsPings: Bool { flags.contains(.behindNAT) && FlowCode.isDatagram(flow) }

    /// Its instance and the number of its flow.
    var identity: FlowIdentity { FlowIdentity(parameters: parameters) }

    /// Calls `body` with what names it in the journal.
    func withKey<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        FlowIdentity.withKey(
            contact: contact, parameters: parameters, isFlow: flags.contains(.outbound), body)
    }

    /// Whether both have one name in the journal.
    func hasSameKey(as other: StoredBinding) -> Bool {
        guard flags.contains(.outbound) == other.flags.contains(.outbound) else { return false }
        return flags.contains(.outbound)
            ? identity.isSameFlow(as: other.identity) : equal(contact, other.contact)
    }

    // MARK: Writing

    /// The parts of a binding that is to be written; they borrow.
    struct Parts {
        var contact: UnsafeRawBufferPointer
        var parameters: UnsafeRawBufferPointer
        var callID: UnsafeRawBufferPointer
        var flow: UnsafeRawBufferPointer
        var path = UnsafeRawBufferPointer(start: nil, count: 0)
        var sequenceNumber: UInt32
        var preference: UInt16
        var expires: WallTime
        var registered: WallTime
        var flags: Flags
        var generation: UInt32 = 0

        /// Whether it is a flow of an instance.
        var isFlow: Bool { flags.contains(.outbound) }

        /// The lengths must fit 16 bits, that of the flow 8; who makes parts has checked that.
        var size: Int {
            StoredBinding.headerSize + flow.count + contact.count + parameters.count + callID.count + path.count
        }
    }

    /// Writes a binding at `base`, where `parts.size` bytes must be free.
    func write(_ parts: Parts) {
        expires = parts.expires
        registered = parts.registered
        sequenceNumber = parts.sequenceNumber
        preference = parts.preference
        flags = parts.flags
        generation = parts.generation
        base.storeBytes(of: UInt16(parts.contact.count), toByteOffset: Offset.contactCount, as: UInt16.self)
        base.storeBytes(of: UInt16(parts.parameters.count), toByteOffset: Offset.parametersCount, as: UInt16.self)
        base.storeBytes(of: UInt16(parts.callID.count), toByteOffset: Offset.callIDCount, as: UInt16.self)
        base.storeBytes(of: UInt16(parts.path.count), toByteOffset: Offset.pathCount, as: UInt16.self)
        base.storeBytes(of: UInt8(parts.flow.count), toByteOffset: Offset.flowCount, as: UInt8.self)
        var at = Self.headerSize
        append(parts.flow, &at)
        append(parts.contact, &at)
        append(parts.parameters, &at)
        append(parts.callID, &at)
        append(parts.path, &at)
    }

    private func append(_ part: UnsafeRawBufferPointer, _ at: inout Int) {
        guard let source = part.baseAddress else { return }
        memcpy(base + at, source, part.count)
        at &+= part.count
    }

    /// Sets the binding anew where it lies. Contact, parameters and path are the same, and flow and Call-ID as long
    /// as before.
    func update(_ parts: Parts) {
        if let source = parts.callID.baseAddress { memcpy(base + callIDOffset, source, parts.callID.count) }
        if let source = parts.flow.baseAddress { memcpy(base + Self.headerSize, source, parts.flow.count) }
        expires = parts.expires
        registered = parts.registered
        sequenceNumber = parts.sequenceNumber
        preference = parts.preference
        flags = parts.flags
        generation = parts.generation
    }

    /// Whether `update` can take those parts.
    func canBeUpdated(_ parts: Parts) -> Bool {
        flowCount == parts.flow.count && count(Offset.callIDCount) == parts.callID.count
            && equal(contact, parts.contact) && equal(parameters, parts.parameters) && equal(path, parts.path)
    }
}
