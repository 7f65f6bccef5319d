import ICE

/// A STUN message with attributes.
func stun(
    _ kind: STUNClass, _ method: STUNMethod, _ id: STUNTransactionID,
    _ attributes: (inout STUNWriter, inout MutableRawSpan) throws -> Void = { _, _ in }
) -> [UInt8] {
    var memory = [UInt8](repeating: 0, count: 4_000)
    var length = 0
    do {
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        var writer = try STUNWriter(kind, method, id, into: &bytes)
        try attributes(&writer, &bytes)
        length = writer.length
    } catch {
        preconditionFailure("a message of a test does not fit: \(error)")
    }
    return [UInt8](memory.prefix(length))
}

/// The index of a message that must be one.
func read(_ bytes: [UInt8]) -> STUNMessage {
    guard let message = try? STUNMessage(parsing: bytes.span.bytes) else { preconditionFailure("no STUN: \(bytes)") }
    return message
}

// Reading from arrays, because spans cannot pass through the macros of the tests.

extension STUNMessage {
    func error(_ bytes: [UInt8]) -> STUNErrorCode? { error(in: bytes.span.bytes) }
    func has(_ type: STUNAttribute, _ bytes: [UInt8]) -> Bool { has(type, in: bytes.span.bytes) }
    func octets(_ type: STUNAttribute, _ bytes: [UInt8]) -> [UInt8]? { octets(type, in: bytes.span.bytes) }
    func word32(_ type: STUNAttribute, _ bytes: [UInt8]) -> UInt32? { word32(type, in: bytes.span.bytes) }
    func word64(_ type: STUNAttribute, _ bytes: [UInt8]) -> UInt64? { word64(type, in: bytes.span.bytes) }
    func address(_ type: STUNAttribute, _ bytes: [UInt8]) -> STUNAddress? { address(type, in: bytes.span.bytes) }
    func addresses(_ type: STUNAttribute, _ bytes: [UInt8]) -> [STUNAddress] { addresses(type, in: bytes.span.bytes) }
    func unknown(besides known: Set<STUNAttribute>, _ bytes: [UInt8]) -> [STUNAttribute] {
        unknown(besides: known, in: bytes.span.bytes)
    }
    func unknownAttributes(_ bytes: [UInt8]) -> [STUNAttribute] { unknownAttributes(in: bytes.span.bytes) }
    func isFingerprintRight(_ bytes: [UInt8]) -> Bool { isFingerprintRight(in: bytes.span.bytes) }
    func isProven(by key: STUNKey, _ bytes: [UInt8]) -> Bool { isProven(by: key, .test, in: bytes.span.bytes) }
    func isProvenBySHA256(_ key: STUNKey, _ bytes: [UInt8]) -> Bool {
        isProvenBySHA256(key, .test, in: bytes.span.bytes)
    }
}

/// Whether octets begin as a message does.
func isSTUN(_ bytes: [UInt8]) -> Bool { STUNMessage.isSTUN(bytes.span.bytes) }

/// Octets of the message that begins a stream.
func streamLength(_ bytes: [UInt8]) -> Int? { STUNMessage.length(inStream: bytes.span.bytes) }

/// An IPv4 address of four numbers.
func ip(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, _ port: UInt16) -> STUNAddress {
    STUNAddress(ip4: a << 24 | b << 16 | c << 8 | d, port: port)
}
