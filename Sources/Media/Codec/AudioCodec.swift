/// A codec of speech: how samples become payloads.
///
/// A case carries no state, so that it travels with each packet through the playout buffer.
@frozen
public enum AudioCodec: Hashable, Sendable, CaseIterable {
    /// G.711 µ-law (RFC 3551 §4.5.14).
    case pcmu

    /// G.711 A-law (RFC 3551 §4.5.14).
    case pcma

    /// The encoding name of the media type registry, as `a=rtpmap` has it.
    public var name: String {
        switch self {
        case .pcmu: "PCMU"
        case .pcma: "PCMA"
        }
    }

    /// The static payload type (RFC 3551 §6).
    public var staticPayloadType: UInt8 {
        switch self {
        case .pcmu: 0
        case .pcma: 8
        }
    }

    /// The codec of a static payload type; nil where none of ours is assigned.
    public init?(staticPayloadType: UInt8) {
        switch staticPayloadType {
        case 0: self = .pcmu
        case 8: self = .pcma
        default: return nil
        }
    }

    /// Rate of the samples that go in and come out.
    public var sampleRate: SampleRate { .narrowband }

    /// Rate of the RTP timestamps.
    public var clockRate: SampleRate { .narrowband }

    /// Samples that a payload of `length` octets holds.
    @inlinable
    public func sampleCount(payloadLength length: Int) -> Int { length }

    /// Octets of the payload of `samples` samples.
    @inlinable
    public func payloadLength(samples: Int) -> Int { samples }

    /// Encodes a frame to `memory` from `offset` on.
    ///
    /// - Returns: octets written; fewer than the frame needs where the memory is too small.
    public func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int) -> Int {
        law.encode(frame, into: &memory, at: offset)
    }

    /// Decodes a payload to `samples` from `start` on.
    ///
    /// - Returns: samples written.
    public func decode(_ payload: RawSpan, into samples: inout MutableSpan<Int16>, at start: Int) -> Int {
        law.decode(payload, into: &samples, at: start)
    }

    private var law: G711 {
        switch self {
        case .pcmu: .muLaw
        case .pcma: .aLaw
        }
    }
}
