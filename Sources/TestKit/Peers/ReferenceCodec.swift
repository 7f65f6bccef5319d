import Foundation

/// A codec as a program has it that no one here wrote: ffmpeg for G.722, spandsp for G.726.
///
/// ffmpeg's G.726 is no reference. It cuts the product in the recommendation's block MIX as a number and not as a magnitude, and the
/// 14 bits of a sample by a division that cuts towards zero. With both of these changed in ours, its octets are the same in either
/// packing, but for a signal over full scale; as they are, they differ after some ten samples.
public enum ReferenceCodec: Sendable {
    /// G.722 at 64 kbit/s.
    case g722
    /// G.726 at 32 kbit/s, the first code of an octet in its lower bits.
    case g726LowerFirst
    /// G.726 at 32 kbit/s, the first code of an octet in its upper bits.
    case g726UpperFirst

    /// Encodes samples, of 16 kHz for G.722 and 8 kHz for G.726.
    ///
    /// - Throws: ``PeerError``, with the install hint when a program is missing.
    public func encode(_ samples: [Int16], in peers: Peers) async throws -> [UInt8] {
        try await convert(Self.octets(samples), by: "encode", in: peers)
    }

    /// Decodes octets.
    ///
    /// - Throws: ``PeerError``, with the install hint when a program is missing.
    public func decode(_ octets: [UInt8], in peers: Peers) async throws -> [Int16] {
        Self.samples(try await convert(octets, by: "decode", in: peers))
    }

    private func convert(_ octets: [UInt8], by mode: String, in peers: Peers) async throws -> [UInt8] {
        let input = peers.folder.file("reference-input")
        let output = peers.folder.file("reference-output")
        try Data(octets).write(to: URL(filePath: input))
        switch self {
        case .g722:
            let linear = ["-f", "s16le", "-ar", "16000", "-ac", "1"]
            let coded = ["-f", "g722"]
            let before = mode == "encode" ? linear : coded
            let after = mode == "encode" ? ["-c:a", "g722"] + coded : linear
            let arguments = ["-v", "error", "-nostdin", "-y"] + before + ["-i", input] + after + [output]
            try await peers.run(PeerCommand("ffmpeg", arguments, package: "ffmpeg"))
        case .g726LowerFirst, .g726UpperFirst:
            let packing = self == .g726LowerFirst ? "lower" : "upper"
            _ = try await PythonTool.run("spandsp_g726.py", [mode, packing, input, output], in: peers)
        }
        return try Array(Data(contentsOf: URL(filePath: output)))
    }

    /// The samples of raw sound, 16 bits each with the lower octet first.
    static func samples(_ octets: [UInt8]) -> [Int16] {
        stride(from: 0, to: octets.count - 1, by: 2).map {
            Int16(bitPattern: UInt16(octets[$0]) | UInt16(octets[$0 + 1]) << 8)
        }
    }

    private static func octets(_ samples: [Int16]) -> [UInt8] {
        samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }
}
