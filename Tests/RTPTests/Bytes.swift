import RTP

/// Octets from hexadecimal digits; everything else is space to read by.
func octets(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    precondition(digits.count % 2 == 0, "an odd number of digits")
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// The octets that `body` writes at the start of a memory of `capacity` octets.
func written(
    capacity: Int = 1500, _ body: (inout MutableRawSpan) throws -> Int
) rethrows -> [UInt8] {
    var memory = [UInt8](repeating: 0xEE, count: capacity)
    var span = memory.mutableSpan
    var bytes = span.mutableBytes
    let length = try body(&bytes)
    return Array(memory[..<length])
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The origin of virtual time.
let origin = ContinuousClock.now

// Reading from arrays, because spans cannot pass through the macros of the tests.

extension DatagramKind {
    init(_ bytes: [UInt8]) { self.init(bytes.span.bytes) }
}

extension RTPHeader {
    init(parsing bytes: [UInt8]) throws(RTPError) { try self.init(parsing: bytes.span.bytes) }

    func contributingSource(at index: Int, in bytes: [UInt8]) -> UInt32? {
        contributingSource(at: index, in: bytes.span.bytes)
    }
}

extension RTCPCompound {
    init(checking bytes: [UInt8], allowsReducedSize: Bool = false) throws(RTCPError) {
        try self.init(checking: bytes.span.bytes, allowsReducedSize: allowsReducedSize)
    }

    mutating func next(in bytes: [UInt8]) -> RTCPPacket? { next(in: bytes.span.bytes) }
}

extension ReportBlocks {
    func block(at index: Int, in bytes: [UInt8]) -> ReportBlock? { block(at: index, in: bytes.span.bytes) }

    func block(about ssrc: UInt32, in bytes: [UInt8]) -> ReportBlock? { block(about: ssrc, in: bytes.span.bytes) }
}

extension SourceDescription {
    func canonicalName(of ssrc: UInt32, in bytes: [UInt8]) -> Range<Int>? {
        canonicalName(of: ssrc, in: bytes.span.bytes)
    }
}

extension SourceDescription.Items {
    mutating func next(in bytes: [UInt8]) -> SourceDescription.Item? { next(in: bytes.span.bytes) }
}

extension Goodbye {
    func source(at index: Int, in bytes: [UInt8]) -> UInt32? { source(at: index, in: bytes.span.bytes) }

    func names(_ ssrc: UInt32, in bytes: [UInt8]) -> Bool { names(ssrc, in: bytes.span.bytes) }
}

extension TelephoneEvent {
    init?(at index: Int = 0, in bytes: [UInt8]) { self.init(at: index, in: bytes.span.bytes) }
}

extension ComfortNoise {
    init?(_ bytes: [UInt8]) { self.init(bytes.span.bytes) }
    init(level: UInt8, reflection: [Float]) { self.init(level: level, reflection: reflection.span) }
}

extension RedundantPayload {
    init(parsing bytes: [UInt8], timestamp: UInt32) throws(RTPError) {
        try self.init(parsing: bytes.span.bytes, timestamp: timestamp)
    }

    func redundant(at index: Int, in bytes: [UInt8]) -> Block? { redundant(at: index, in: bytes.span.bytes) }
}
