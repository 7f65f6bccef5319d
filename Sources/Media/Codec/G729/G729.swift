/// ITU-T G.729 annex A, and B for silence, by bcg729 where that is installed (RFC 3551 §4.5.6): frames of 10 ms in 10 octets, at 8 kHz.
/// A frame that describes silence has 2 and ends its packet.
public enum G729 {
    /// Samples in a frame.
    public static let frameLength = 80

    /// Octets of a frame of speech, and of one that describes silence (SID).
    public static let speechLength = 10
    public static let silenceLength = 2

    /// Whether the codec is installed.
    public static var isAvailable: Bool { G729Library.shared != nil }

    /// Samples in a payload of a length; 0 for lengths that no payload has.
    public static func sampleCount(payloadLength length: Int) -> Int {
        switch length % speechLength {
        case 0: length / speechLength * frameLength
        case silenceLength: (length / speechLength + 1) * frameLength
        default: 0
        }
    }
}

/// Frames to G.729. Not `Sendable`: it belongs to its stream.
public final class G729Encoder {
    private let library: G729Library
    private let state: OpaquePointer

    /// - Parameter describesSilence: whether annex B leaves out silence (`annexb` of `a=fmtp`, RFC 4856 §2.1.9).
    /// - Throws: ``CodecError`` where bcg729 is not installed.
    public init(describesSilence: Bool) throws(CodecError) {
        library = try G729Library.required()
        guard let state = library.makeEncoder(describesSilence ? 1 : 0) else {
            throw CodecError(.failed, "bcg729 has made no encoder")
        }
        self.state = state
    }

    deinit { library.closeEncoder(state) }

    /// Encodes whole frames of 80 samples to `memory` from `offset` on, as many as both hold.
    ///
    /// A packet cannot go on with speech behind silence: such frames are left out, and the decoder makes them up.
    ///
    /// - Returns: octets written; 0 when nothing needs to be sent.
    public func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        guard offset >= 0 else { return 0 }
        let frames = min(frame.count / G729.frameLength, (memory.byteCount - offset) / G729.speechLength)
        guard frames > 0 else { return 0 }
        return memory.withUnsafeMutableBytes { memory in
            frame.withUnsafeBufferPointer { frame -> Int in
                // Neither is empty: there is a frame in both.
                guard let samples = frame.baseAddress, let base = memory.baseAddress else { return 0 }
                var room = InlineArray<10, UInt8>(repeating: 0)
                var written = 0
                var isSilent = false
                for index in 0..<frames {
                    let length = encode(samples + index * G729.frameLength, to: &room)
                    guard !isSilent, length <= G729.speechLength else { continue }
                    for octet in 0..<length {
                        base.storeBytes(of: room[octet], toByteOffset: offset + written + octet, as: UInt8.self)
                    }
                    written += length
                    isSilent = length < G729.speechLength
                }
                return written
            }
        }
    }

    private func encode(_ samples: UnsafePointer<Int16>, to room: inout InlineArray<10, UInt8>) -> Int {
        var length: UInt8 = 0
        var span = room.mutableSpan
        span.withUnsafeMutableBufferPointer { room in
            // Of ten octets, so it has a base.
            if let base = room.baseAddress { library.encode(state, samples, base, &length) }
        }
        return Int(length)
    }
}

/// G.729 to frames. Not `Sendable`: it belongs to its stream.
public final class G729Decoder {
    private let library: G729Library
    private let state: OpaquePointer

    /// - Throws: ``CodecError`` where bcg729 is not installed.
    public init() throws(CodecError) {
        library = try G729Library.required()
        guard let state = library.makeDecoder() else { throw CodecError(.failed, "bcg729 has made no decoder") }
        self.state = state
    }

    deinit { library.closeDecoder(state) }

    /// Decodes the frames of a payload to `samples` from `start` on, as many as both hold.
    ///
    /// - Returns: samples written; 0 for a payload of a length that there is not.
    public func decode(_ payload: RawSpan, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        guard start >= 0 else { return 0 }
        let count = min(
            G729.sampleCount(payloadLength: payload.byteCount),
            (samples.count - start) / G729.frameLength * G729.frameLength)
        guard count > 0 else { return 0 }
        samples.withUnsafeMutableBufferPointer { samples in
            payload.withUnsafeBytes { payload in
                // Neither is empty: there is a frame in both.
                guard let base = samples.baseAddress,
                    let octets = payload.baseAddress?.assumingMemoryBound(to: UInt8.self)
                else { return }
                for index in 0..<count / G729.frameLength {
                    let place = index * G729.speechLength
                    let length = min(G729.speechLength, payload.count - place)
                    let isSilence: UInt8 = length == G729.silenceLength ? 1 : 0
                    library.decode(
                        state, octets + place, UInt8(length), 0, isSilence, 0, base + start + index * G729.frameLength)
                }
            }
        }
        return count
    }

    /// Makes up whole frames for what is lost, or goes on with silence that was described.
    ///
    /// - Returns: samples written.
    public func conceal(_ count: Int, into samples: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        guard start >= 0 else { return 0 }
        let frames = min(count, samples.count - start) / G729.frameLength
        guard frames > 0 else { return 0 }
        samples.withUnsafeMutableBufferPointer { samples in
            // Not empty: there is a frame in it.
            guard let base = samples.baseAddress else { return }
            for index in 0..<frames {
                library.decode(state, nil, 0, 1, 0, 0, base + start + index * G729.frameLength)
            }
        }
        return frames * G729.frameLength
    }
}
