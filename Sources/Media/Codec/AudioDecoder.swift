/// Payloads of one codec to samples, interleaved where there are two channels, with the state that the codec has from frame to
/// frame.
///
/// All memory is taken at the beginning. Not `Sendable`: it belongs to its stream, and copies share their state.
public struct AudioDecoder {
    /// What is decoded.
    public let codec: AudioCodec

    private let machine: Machine

    /// A closed set, so that a frame costs one branch and no witness call.
    private enum Machine {
        case law(G711)
        case linear
        case g722(CodecState<G722.Decoder>)
        case g726(CodecState<G726.Decoder>)
        case opus(OpusDecoder)
        case g729(G729Decoder)
    }

    /// - Throws: ``CodecError`` where the codec cannot be had.
    public init(_ codec: AudioCodec) throws(CodecError) {
        self.codec = codec
        machine =
            switch codec {
            case .pcmu: .law(.muLaw)
            case .pcma: .law(.aLaw)
            case .l16: .linear
            case .g722: .g722(CodecState(G722.Decoder()))
            case .g726(let packing): .g726(CodecState(G726.Decoder(packing: packing)))
            case .opus(let rate, let channels): .opus(try OpusDecoder(sampleRate: rate, channels: channels))
            case .g729: .g729(try G729Decoder())
            }
    }

    /// Decodes a payload to `samples` from `start` on.
    ///
    /// - Returns: samples of all channels written; 0 when the payload is broken.
    public func decode(_ payload: RawSpan, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        switch machine {
        case .law(let law): law.decode(payload, into: &samples, at: start)
        case .linear: L16.decode(payload, into: &samples, at: start)
        case .g722(let state): state.value.decode(payload, into: &samples, at: start)
        case .g726(let state): state.value.decode(payload, into: &samples, at: start)
        case .opus(let decoder): decoder.decode(payload, into: &samples, at: start)
        case .g729(let decoder): decoder.decode(payload, into: &samples, at: start)
        }
    }

    /// The samples of each channel of which the codec makes up whole multiples for what is lost (RFC 6716 §4.4: 2.5 ms); nil where it makes up
    /// none.
    public var concealmentStep: Int? {
        switch machine {
        case .law, .linear, .g722, .g726: nil
        case .opus(let decoder): decoder.sampleRate.hertz / 400
        case .g729: G729.frameLength
        }
    }

    /// Makes up `count` samples of all channels, of each a multiple of ``concealmentStep``, for what is lost or not sent.
    ///
    /// - Returns: samples of all channels written; 0 where the codec cannot, or not so many.
    public func conceal(_ count: Int, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        switch machine {
        case .law, .linear, .g722, .g726: 0
        case .opus(let decoder): decoder.conceal(count, into: &samples, at: start)
        case .g729(let decoder): decoder.conceal(count, into: &samples, at: start)
        }
    }

    /// Decodes the last `count` samples of all channels that are lost from what the packet behind them knows of them; that packet must then be
    /// decoded as usual.
    ///
    /// - Returns: samples of all channels written; 0 where the codec cannot.
    public func recover(
        from next: RawSpan, _ count: Int, into samples: inout MutableSpan<Int16>, at start: Int = 0
    ) -> Int {
        switch machine {
        case .law, .linear, .g722, .g726, .g729: 0
        case .opus(let decoder): decoder.recover(from: next, count, into: &samples, at: start)
        }
    }
}
