public import Media

/// What a call plays to the far side, and where what the far side says goes.
public struct AudioEnds: Sendable {
    /// Makes the source; called once, on the media lane.
    let makeSource: @Sendable () -> (any AudioSource)?
    /// Makes the sink; called once, on the media lane.
    let makeSink: @Sendable () -> (any AudioSink)?
    /// Whether keys that are heard in the sound are left out of what the sink gets.
    var removesKeys = false

    /// Ends of one's own making; each is made on the media lane and used there only.
    public init(
        source: @escaping @Sendable () -> (any AudioSource)?, sink: @escaping @Sendable () -> (any AudioSink)? = { nil }
    ) {
        makeSource = source
        makeSink = sink
    }

    /// Silence; what is heard is not kept.
    public static let silence = AudioEnds(source: { nil })

    /// Plays a clip, once or again and again.
    public static func clip(_ clip: AudioClip, loops: Bool = false) -> AudioEnds {
        AudioEnds(source: { ClipPlayer(clip, loops: loops) })
    }

    /// Plays a tone.
    public static func tone(_ tone: Tone) -> AudioEnds {
        AudioEnds(source: { ToneSource(tone) })
    }

    /// Sends back what is heard, some time later.
    public static func echo(after delay: Duration) -> AudioEnds {
        let line = EchoEnds(delay)
        return AudioEnds(source: { line.line }, sink: { line.line })
    }

    /// The same source, and a recorder for what is heard.
    public func recording(to recorder: WAVRecorder) -> AudioEnds {
        AudioEnds(source: makeSource, sink: { recorder })
    }

    /// Hears by one line and speaks by another. Keys are left out of what it says: they go by themselves.
    static func bridge(from near: SoundLine, to far: SoundLine) -> AudioEnds {
        var ends = AudioEnds(source: { near.makeSource() }, sink: { far.makeSink() })
        ends.removesKeys = true
        return ends
    }
}

/// One echo line for both ends of a call.
private final class EchoEnds: @unchecked Sendable {
    // Proof of Sendable: both closures that read it run on the media lane.
    let line: EchoLine

    init(_ delay: Duration) { line = EchoLine(delay: delay) }
}
