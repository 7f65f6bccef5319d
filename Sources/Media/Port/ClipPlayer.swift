/// Plays a clip once or over and over.
public final class ClipPlayer: AudioSource {
    /// What is played.
    public let clip: AudioClip

    /// Whether it begins anew at its end.
    public let loops: Bool

    /// The next sample.
    public private(set) var position = 0

    /// Plays `clip` from its beginning.
    public init(_ clip: AudioClip, loops: Bool = false) {
        self.clip = clip
        self.loops = loops && !clip.samples.isEmpty
    }

    public var sampleRate: SampleRate { clip.sampleRate }

    public var channels: Int { clip.channels }

    public func read(into frame: inout MutableSpan<Int16>) -> Int {
        var done = 0
        while done < frame.count {
            if position == clip.samples.count {
                guard loops else { break }
                position = 0
            }
            let count = min(frame.count - done, clip.samples.count - position)
            for index in 0..<count { frame[done + index] = clip.samples[position + index] }
            done += count
            position += count
        }
        frame.silence(from: done)
        return done
    }
}
