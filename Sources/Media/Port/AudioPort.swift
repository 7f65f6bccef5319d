/// Where sound comes from: a file, a tone, an echo, a microphone.
///
/// A stream pulls one frame per tick on its lane: `read(into:)` must not block and should not allocate.
public protocol AudioSource: AnyObject {
    /// Rate of the samples that `read(into:)` gives.
    var sampleRate: SampleRate { get }

    /// Fills all of `frame`, with zeros where there is no more sound.
    ///
    /// - Returns: samples that are the source's own. Fewer than the frame holds means that the source has ended.
    func read(into frame: inout MutableSpan<Int16>) -> Int
}

/// Where sound goes: a recording, an echo, a loudspeaker.
///
/// A stream pushes one frame per tick on its lane: `write(_:)` must not block and should not allocate.
public protocol AudioSink: AnyObject {
    /// Rate of the samples that `write(_:)` takes.
    var sampleRate: SampleRate { get }

    /// Takes a frame.
    func write(_ frame: Span<Int16>)
}

extension MutableSpan<Int16> {
    /// Sets the samples from `start` on to zero.
    mutating func silence(from start: Int = 0) {
        for index in start..<max(start, count) { self[index] = 0 }
    }
}
