import Reactor
public import SIP
public import SIPEndpoint

/// The user part of our Record-Route URI: proof that we let this dialog through, and the flows to its two ends where an
/// address alone does not lead there.
///
/// The token is bound to the Call-ID by a keyed hash, so that a stranger can neither make one nor use one of another
/// dialog (RFC 3261 §16.6 step 4 leaves the user part to the proxy; RFC 5626 §5.2 describes flow tokens). Its form is
/// `i` (plain) or `i` with flows, in hexadecimal digits: flags (1 byte), caller's tag hash (2 bytes), the caller's and the
/// callee's flow when flagged, and 8 bytes of the hash.
public struct RouteToken: Hashable, Sendable {
    /// The flow back to the caller, when its address does not do.
    public var callerFlow: Flow?
    /// The flow to the callee, when its address does not do.
    public var calleeFlow: Flow?
    /// A hash of the caller's tag: tells from which side a request in the dialog comes.
    public var callerTagHash: UInt16
    /// Whether the requests of the dialog are forwarded without state.
    public var isStateless = false

    /// The most hexadecimal digits that a token has.
    public static let longestText = 2 * (1 + 2 + 2 * 48 + 8)

    public init(callerFlow: Flow?, calleeFlow: Flow?, callerTag: UnsafeRawBufferPointer) {
        self.callerFlow = callerFlow
        self.calleeFlow = calleeFlow
        callerTagHash = RouteToken.hash(callerTag)
    }

    /// The hash of a tag: 16 bits of FNV-1a, which need not be secret since the token's own hash covers them.
    public static func hash(_ tag: UnsafeRawBufferPointer) -> UInt16 {
        var value: UInt32 = 2_166_136_261
        for byte in tag { value = (value ^ UInt32(byte)) &* 16_777_619 }
        return UInt16(truncatingIfNeeded: value ^ value >> 16)
    }

    /// The most bytes that a token has.
    private static let longest = longestText / 2

    /// Writes the token for a Call-ID.
    public func write(callID: UnsafeRawBufferPointer, key: SipHash, into writer: inout ByteWriter) {
        withUnsafeTemporaryAllocation(byteCount: RouteToken.longest, alignment: 8) { memory in
            var bytes = ByteWriter(into: memory)
            bytes.append((callerFlow != nil ? 1 : 0) | (calleeFlow != nil ? 2 : 0) | (isStateless ? 4 : 0) as UInt8)
            RouteToken.append(UInt64(callerTagHash), 2, to: &bytes)
            if let callerFlow { RouteToken.append(callerFlow, to: &bytes) }
            if let calleeFlow { RouteToken.append(calleeFlow, to: &bytes) }
            RouteToken.append(RouteToken.mac(bytes.bytes, callID, key), 8, to: &bytes)
            writer.append(UInt8(ascii: "i"))
            for byte in bytes.bytes {
                writer.append(RouteToken.digit(byte >> 4))
                writer.append(RouteToken.digit(byte & 15))
            }
        }
    }

    /// Reads a token; nil when it is none, or not of ours for this Call-ID.
    public init?(_ text: UnsafeRawBufferPointer, callID: UnsafeRawBufferPointer, key: SipHash) {
        guard text.count >= 1 + 22, text.count <= 1 + RouteToken.longestText, text[0] == UInt8(ascii: "i"),
            text.count % 2 == 1
        else { return nil }
        let token = withUnsafeTemporaryAllocation(byteCount: RouteToken.longest, alignment: 8) { memory in
            let count = text.count / 2
            for i in 0..<count {
                guard let high = RouteToken.value(text[1 + 2 * i]), let low = RouteToken.value(text[2 + 2 * i]) else {
                    return nil as RouteToken?
                }
                memory[i] = high << 4 | low
            }
            return RouteToken(bytes: UnsafeRawBufferPointer(rebasing: memory[..<count]), callID, key)
        }
        guard let token else { return nil }
        self = token
    }

    /// Reads the bytes of a token; they are at least 11.
    private init?(bytes: UnsafeRawBufferPointer, _ callID: UnsafeRawBufferPointer, _ key: SipHash) {
        let signed = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
        var at = signed.count
        guard RouteToken.mac(signed, callID, key) == RouteToken.number(bytes, &at, 8) else { return nil }
        at = 3
        isStateless = bytes[0] & 4 != 0
        callerTagHash = UInt16(bytes[1]) << 8 | UInt16(bytes[2])
        if bytes[0] & 1 != 0 {
            guard let flow = RouteToken.flow(signed, &at) else { return nil }
            callerFlow = flow
        }
        if bytes[0] & 2 != 0 {
            guard let flow = RouteToken.flow(signed, &at) else { return nil }
            calleeFlow = flow
        }
        guard at == signed.count else { return nil }
    }

    private static func mac(
        _ bytes: UnsafeRawBufferPointer, _ callID: UnsafeRawBufferPointer, _ key: SipHash
    ) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: bytes.count + callID.count, alignment: 8) { memory in
            memory.copyMemory(from: bytes)
            UnsafeMutableRawBufferPointer(rebasing: memory[bytes.count...]).copyMemory(from: callID)
            return key(UnsafeRawBufferPointer(memory)).0
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func value(_ digit: UInt8) -> UInt8? {
        if digit &- 0x30 < 10 { return digit &- 0x30 }
        return digit >= 0x61 && digit <= 0x66 ? digit &- 0x57 : nil
    }

    private static func append(_ flow: Flow, to bytes: inout ByteWriter) {
        bytes.append(flow.transport.rawValue)
        bytes.append(UInt8(truncatingIfNeeded: flow.listener))
        if flow.transport.isReliable { append(flow.connection, 8, to: &bytes) }
        append(flow.local, to: &bytes)
        append(flow.remote, to: &bytes)
    }

    private static func append(_ address: TransportAddress, to bytes: inout ByteWriter) {
        bytes.append(address.family.rawValue)
        if address.isIPv6 {
            append(address.upperBits, 8, to: &bytes)
            append(address.lowerBits, 8, to: &bytes)
        } else {
            append(address.lowerBits, 4, to: &bytes)
        }
        append(UInt64(address.port), 2, to: &bytes)
    }

    private static func append(_ value: UInt64, _ count: Int, to bytes: inout ByteWriter) {
        for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - i)))) }
    }

    private static func flow(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Flow? {
        guard at + 2 <= bytes.count, let transport = TransportName(rawValue: bytes[at]) else { return nil }
        let listener = UInt16(bytes[at + 1])
        at += 2
        var connection: UInt64 = 0
        if transport.isReliable {
            guard let number = number(bytes, &at, 8) else { return nil }
            connection = number
        }
        guard let local = address(bytes, &at), let remote = address(bytes, &at) else { return nil }
        return Flow(transport: transport, listener: listener, connection: connection, local: local, remote: remote)
    }

    private static func address(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> TransportAddress? {
        guard at < bytes.count else { return nil }
        let family = bytes[at]
        at += 1
        if family == 6 {
            guard let upper = number(bytes, &at, 8), let lower = number(bytes, &at, 8),
                let port = number(bytes, &at, 2)
            else { return nil }
            return TransportAddress(ipv6: upper, lower, port: UInt16(truncatingIfNeeded: port))
        }
        guard let bits = number(bytes, &at, 4), let port = number(bytes, &at, 2) else { return nil }
        return TransportAddress(ipv4: UInt32(truncatingIfNeeded: bits), port: UInt16(truncatingIfNeeded: port))
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ count: Int) -> UInt64? {
        guard at + count <= bytes.count else { return nil }
        var value: UInt64 = 0
        for byte in bytes[at..<at + count] { value = value << 8 | UInt64(byte) }
        at += count
        return value
    }
}
