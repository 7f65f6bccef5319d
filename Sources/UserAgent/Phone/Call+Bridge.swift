public import Media

extension Call {
    /// Connects two calls through this process: each far side hears the other one, whatever codecs, keys and ways the calls have, in place
    /// of what was played.
    ///
    /// Keys that one far side presses are pressed for the other in the way of its own call: by telephone events (RFC 4733), INFO or tones. Tones of
    /// a far side without events are left out of its sound from when they are recognised, some 30 ms, so that a key is not pressed
    /// twice; ``digits`` has them nevertheless. It lasts until either call is over, which the other one survives, or plays something else.
    ///
    /// - Parameters:
    ///   - other: a call of this or of another user agent; not this one.
    ///   - sampleRate: of the sound between them.
    public func bridge(to other: Call, sampleRate: SampleRate = .wideband) {
        guard other !== self else { return }
        let (there, back) = (SoundLine(sampleRate), SoundLine(sampleRate))
        play(.bridge(from: back, to: there))
        other.play(.bridge(from: there, to: back))
        tellKeys(to: Partner(call: other, method: .automatic, hasSound: true))
        other.tellKeys(to: Partner(call: self, method: .automatic, hasSound: true))
    }
}
