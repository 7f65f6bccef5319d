/// Frames of samples, interleaved where there are two channels, to payloads of one codec, with the state that the codec has from frame to frame.
///
/// All memory is taken at the beginning. Not `Sendable`: it belongs to its stream, and copies share their state.
public struct AudioEncoder {
    /// What is encoded.
    public let codec: AudioCodec

    private let machine: Machine

    /// A closed set, so that a frame costs one branch and no witness call.
    private enum Machine {
        case law(G711)
        case linear
        case g722(CodecState<G722.Encoder>)
        case g726(CodecState<G726.Encoder>)
        case opus(OpusEncoder)
        case g729(G729Encoder)
    }

    /// - Throws: ``CodecError`` where the codec cannot be had.
    public init(_ codec: AudioCodec) throws(CodecError) {
        self.codec = codec
        machine =
            switch codec {
            case .pcmu: .law(.muLaw)
            case .pcma: .law(.aLaw)
            case .l16: .linear
            case .g722: .g722(CodecState(G722.Encoder()))
            case .g726(let packing): .g726(CodecState(G726.Encoder(packing: packing)))
            // Two channels are there to be told apart: what libopus does for voices brings them together.
            case .opus(let rate, let channels):
                .opus(
                    try OpusEncoder(sampleRate: rate, channels: channels, application: channels > 1 ? .audio : .voice))
            case .g729(let describesSilence): .g729(try G729Encoder(describesSilence: describesSilence))
            }
    }

    /// How Opus works; nil for other codecs. Setting it changes nothing for those.
    public var opus: OpusSettings? {
        get { if case .opus(let encoder) = machine { encoder.settings } else { nil } }
        nonmutating set { if case .opus(let encoder) = machine, let newValue { encoder.settings = newValue } }
    }

    /// Encodes a frame to `memory` from `offset` on.
    ///
    /// - Returns: octets written; 0 when nothing needs to be sent, or the memory is too small. Codecs of single samples write
    ///   fewer octets than the frame needs where the memory is too small.
    public func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        switch machine {
        case .law(let law): law.encode(frame, into: &memory, at: offset)
        case .linear: L16.encode(frame, into: &memory, at: offset)
        case .g722(let state): state.value.encode(frame, into: &memory, at: offset)
        case .g726(let state): state.value.encode(frame, into: &memory, at: offset)
        case .opus(let encoder): encoder.encode(frame, into: &memory, at: offset)
        case .g729(let encoder): encoder.encode(frame, into: &memory, at: offset)
        }
    }
}

/// The state of a codec that is a value, changed in place wherever its owner goes.
final class CodecState<Value> {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}
