@testable import SRTP

/// Octets from hexadecimal digits; everything else is space to read by.
func octets(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    precondition(digits.count % 2 == 0, "an odd number of digits")
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
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

    mutating func octets(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// A master key for a profile that is the same in every run.
func masterKey(_ profile: ProtectionProfile, seed: UInt64 = 1, identifier: [UInt8] = []) -> MasterKey {
    var generator = SeededGenerator(seed)
    return MasterKey(
        key: generator.octets(profile.keyLength), salt: generator.octets(profile.saltLength), identifier: identifier)
}

/// An RTP packet with a payload that tells its sequence number.
func packet(_ sequence: UInt16, ssrc: UInt32 = 0x1122_3344, payload: Int = 160) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 0x00, UInt8(sequence >> 8), UInt8(sequence & 0xFF), 0, 0, 0, 1]
    bytes += octets(ofSource: ssrc)
    for place in 0..<payload { bytes.append(UInt8(truncatingIfNeeded: place &+ Int(sequence))) }
    return bytes
}

private func octets(ofSource ssrc: UInt32) -> [UInt8] { withUnsafeBytes(of: ssrc.bigEndian) { Array($0) } }

/// A receiver report without blocks and a description behind it.
func report(ssrc: UInt32 = 0x1122_3344) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 201, 0, 1]
    bytes += octets(ofSource: ssrc)
    bytes += [0x81, 202, 0, 3] as [UInt8]
    bytes += octets(ofSource: ssrc)
    bytes += [1, 5, 97, 64, 98, 46, 99, 0] as [UInt8]
    return bytes
}

// Packets as arrays: the tests have no memory of their own.

extension [UInt8] {
    /// Lends the memory to what throws errors of SRTP.
    mutating func lending<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws(SRTPError) -> Result
    ) throws(SRTPError) -> Result {
        let result = withUnsafeMutableBytes { bytes -> Swift.Result<Result, SRTPError> in
            do throws(SRTPError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}

extension SRTPSender {
    mutating func protecting(_ packet: [UInt8]) throws(SRTPError) -> [UInt8] {
        var memory = packet + [UInt8](repeating: 0xEE, count: overhead)
        let length = try memory.lending { (bytes) throws(SRTPError) in
            try protect(bytes, length: packet.count)
        }
        return Array(memory[..<length])
    }

    mutating func protectingControl(_ packet: [UInt8]) throws(SRTPError) -> [UInt8] {
        var memory = packet + [UInt8](repeating: 0xEE, count: controlOverhead)
        let length = try memory.lending { (bytes) throws(SRTPError) in
            try protectControl(bytes, length: packet.count)
        }
        return Array(memory[..<length])
    }

    /// The error of a packet that is refused, and nil for one that is not.
    mutating func refusal(of packet: [UInt8]) -> SRTPError? {
        do { _ = try protecting(packet) } catch { return error }
        return nil
    }
}

extension SRTPReceiver {
    mutating func unprotecting(_ packet: [UInt8]) throws(SRTPError) -> [UInt8] {
        var memory = packet
        let length = try memory.lending { (bytes) throws(SRTPError) in try unprotect(bytes) }
        return Array(memory[..<length])
    }

    mutating func unprotectingControl(_ packet: [UInt8]) throws(SRTPError) -> [UInt8] {
        var memory = packet
        let length = try memory.lending { (bytes) throws(SRTPError) in try unprotectControl(bytes) }
        return Array(memory[..<length])
    }

    /// The error of a packet that is refused, and nil for one that is not; and whether a refused packet was left as it was.
    mutating func refusal(of packet: [UInt8], control: Bool = false) -> (error: SRTPError?, untouched: Bool) {
        var memory = packet
        do {
            _ = try memory.lending { (bytes) throws(SRTPError) in
                control ? try unprotectControl(bytes) : try unprotect(bytes)
            }
        } catch {
            return (error, memory == packet)
        }
        return (nil, false)
    }
}
