/// The decoders of a playout buffer: one for each codec that the peer may send, so that each keeps its state.
struct DecoderBank {
    private var decoders: [AudioDecoder] = []
    private var last = 0

    /// Codecs that are taken, at most.
    static let capacity = 16

    /// Decoders for codecs; those that cannot be had are left out.
    init(_ codecs: [AudioCodec]) {
        prepare(codecs)
    }

    /// Makes decoders for codecs that have none yet, up to `capacity`.
    mutating func prepare(_ codecs: [AudioCodec]) {
        for codec in codecs where decoders.count < Self.capacity && !decoders.contains(where: { $0.codec == codec }) {
            if let decoder = try? AudioDecoder(codec) { decoders.append(decoder) }
        }
    }

    /// Whether there is a decoder for a codec.
    func contains(_ codec: AudioCodec) -> Bool { decoders.contains { $0.codec == codec } }

    /// Makes the decoder of a codec the current one; nil where there is none.
    mutating func select(_ codec: AudioCodec) -> AudioDecoder? {
        if last < decoders.count, decoders[last].codec == codec { return decoders[last] }
        guard let index = decoders.firstIndex(where: { $0.codec == codec }) else { return nil }
        last = index
        return decoders[index]
    }

    /// The decoder that was selected last.
    var current: AudioDecoder? { last < decoders.count ? decoders[last] : nil }
}
