/// An end of a stream: what its samples are.
public protocol AudioPort: AnyObject {
    /// Rate of the samples.
    var sampleRate: SampleRate { get }

    /// Channels of the samples, 1 or 2, interleaved and left first; 1 where a port does not say. Frames are whole: of two channels
    /// they hold as many samples.
    var channels: Int { get }
}

extension AudioPort {
    public var channels: Int { 1 }
}

/// Where sound comes from: a file, a tone, an echo, a microphone.
///
/// A stream pulls one frame per tick on its lane: `read(into:)` must not block and should not allocate.
public protocol AudioSource: AudioPort {
    /// Fills all of `frame`, with zeros where there is no more sound.
    ///
    /// - Returns: samples of all channels that are the source's own. Fewer than the frame holds means that the source has ended.
    func read(into frame: inout MutableSpan<Int16>) -> Int
}

/// Where sound goes: a recording, an echo, a loudspeaker.
///
/// A stream pushes one frame per tick on its lane: `write(_:)` must not block and should not allocate.
public protocol AudioSink: AudioPort {
    /// Takes a frame.
    func write(_ frame: Span<Int16>)
}

extension MutableSpan<Int16> {
    /// Sets the samples from `start` on to zero.
    mutating func silence(from start: Int = 0) {
        for index in start..<max(start, count) { self[index] = 0 }
    }
}
