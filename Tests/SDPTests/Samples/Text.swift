import SDP
import Testing

/// The bytes of lines, each ended with CRLF.
func crlf(_ lines: String) -> [UInt8] {
    lines.split(separator: "\n", omittingEmptySubsequences: false).flatMap { Array($0.utf8) + [0x0D, 0x0A] }
}

/// A description of lines.
func parse(_ lines: String) throws -> SessionDescription {
    try SessionDescription(parsing: crlf(lines))
}

/// The lines of a description, without endings.
func lines(_ description: SessionDescription) -> [String] {
    description.description.split(whereSeparator: \.isNewline).map(String.init)
}

/// A generator whose numbers depend on its seed alone (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension String {
    /// The text as a value of a line; fails the test if it cannot be one.
    var octets: ByteString {
        get throws { try #require(ByteString(self)) }
    }
}
