public import RTP

extension PlayoutBuffer {
    /// Takes a packet of audio.
    ///
    /// - Parameters:
    ///   - payload: is copied.
    ///   - sequence: RTP sequence number.
    ///   - timestamp: RTP timestamp.
    ///   - now: when it came.
    @discardableResult
    public mutating func insert(
        _ payload: RawSpan, codec: AudioCodec, sequence: UInt16, timestamp: UInt32, at now: ContinuousClock.Instant
    ) -> Insertion {
        let samples = codec.sampleCount(of: payload)
        guard samples > 0, samples <= longest, payload.byteCount <= store.octetCapacity, decoders.contains(codec)
        else {
            counters.unusable &+= 1
            return .unusable
        }
        guard let number = take(sequence, isAudio: true) else {
            counters.duplicates &+= 1
            return .duplicate
        }
        let time = time(now)
        guard let position = place(number, timestamp: timestamp, samples: samples, codec, at: time) else {
            counters.late &+= 1
            return .late
        }
        if state == .playing {
            let headroom = headroom(of: position, at: time)
            delay.note(headroom)
            // A packet that has a copy of a lost one should be there when that one is due; where it was not, that one has been made up.
            if position >= decodedEnd, window?.contains(number - 1) == false, codec.hasCopy(in: payload) {
                delay.note(self.headroom(of: position - Int64(samples), at: time))
            }
            if position + Int64(samples) <= decodedEnd {
                counters.late &+= 1
                if let lastDecoded, number < lastDecoded, counters.lost > 0 { counters.lost &-= 1 }
                return .late
            }
            if headroom > maximum { skip(headroom - maximum) }
        }
        counters.received &+= 1
        let dropped = store.insert(
            PacketStore.Slot(position: position, samples: samples, sequence: number, codec: codec), payload: payload)
        counters.late &+= UInt64(dropped)
        return .queued
    }

    /// Takes a payload that was lost and has come again with a later packet (RFC 2198), if it can still be of use. Call it before
    /// that packet is inserted, with the oldest payload first.
    ///
    /// - Parameter sequence: the highest number that the packet can have had, were none left out between. A sender may repeat
    ///   others than those just before, so that the timestamp says which packet it was.
    @discardableResult
    public mutating func restore(
        _ payload: RawSpan, codec: AudioCodec, sequence: UInt16, timestamp: UInt32, at now: ContinuousClock.Instant
    ) -> Insertion {
        // Nothing is missing before the first packet.
        guard let window, let reference, !isNewSource else { return .duplicate }
        let latest = window.extended(sequence)
        var number = latest
        let units = codec.timestampUnits(samples: codec.sampleCount(of: payload))
        if units > 0, codec.clockRate == reference.clockRate {
            let step = Int64(Int32(bitPattern: timestamp &- reference.timestamp))
            // Behind a pause timestamps leap and numbers do not.
            number = min(latest, reference.sequence + step / units)
        }
        guard !window.contains(number), lastDecoded.map({ number > $0 }) ?? true else { return .duplicate }
        let insertion = insert(
            payload, codec: codec, sequence: sequence &- UInt16(truncatingIfNeeded: latest - number),
            timestamp: timestamp, at: now)
        if insertion == .queued { counters.restored &+= 1 }
        return insertion
    }

    /// Takes a description of the sender's noise (RFC 3389), which fills the silence that begins with it.
    public mutating func describe(_ description: ComfortNoise, sequence: UInt16) {
        guard take(sequence, isAudio: false) != nil else { return }
        noise.describe(description)
        hasNoise = true
    }

    /// Takes note of a packet without audio, such as a telephone event: its place in the sequence is silence, not loss.
    public mutating func noteSilence(sequence: UInt16) {
        _ = take(sequence, isAudio: false)
    }

    /// The source changes or restarts: the next packet follows on what has been received, whatever its numbers are.
    public mutating func startSource() {
        isNewSource = true
        endNoise()
    }

    /// Forgets all packets and begins anew with the next one; the counters stay.
    public mutating func reset() {
        store.removeAll()
        state = .idle
        ready = 0
        dry = 0
        dryFrames = 0
        concealer.end()
        delay.reset()
        lastDecoded = nil
        isNewSource = true
        endNoise()
    }

    private mutating func endNoise() {
        hasNoise = false
        noise.reset()
    }
}

extension PlayoutBuffer {
    /// Time in samples since the first call.
    mutating func time(_ now: ContinuousClock.Instant) -> Int64 {
        guard let epoch else {
            epoch = now
            return 0
        }
        return configuration.sampleRate.clock.units(in: epoch.duration(to: now))
    }

    /// Media time of the sample that the next frame begins with.
    var cursor: Int64 { decodedEnd - Int64(ready) }

    /// Time from `time` until the frame is due that needs the sample at `position`; negative when it was due before.
    func headroom(of position: Int64, at time: Int64) -> Int64 {
        let ahead = position - cursor
        let length = Int64(frameLength)
        // Frames from the next one on, or before it, rounded down.
        let frames = ahead < 0 ? -((length - 1 - ahead) / length) : ahead / length
        return nextDue - time + frames * length
    }

    /// Extends a sequence number and takes note of it; nil when it has come before.
    private mutating func take(_ sequence: UInt16, isAudio: Bool) -> Int64? {
        if isNewSource || window == nil {
            // The new source's first packet is the next one after all that came before.
            window = SequenceWindow(next: sequence, extended: (window?.highest ?? 0) + 1)
        }
        // Set above.
        guard let number = window?.extended(sequence), window?.insert(number, isAudio: isAudio) == true else {
            return nil
        }
        return number
    }

    /// Maps a packet's timestamp to media time; nil when the packet is out of order and fits nowhere.
    private mutating func place(
        _ number: Int64, timestamp: UInt32, samples: Int, _ codec: AudioCodec, at time: Int64
    ) -> Int64? {
        let clockRate = codec.clockRate
        guard let last = reference else {
            return settle(number, timestamp, samples, clockRate, at: 0, time)
        }
        // Timestamps of another clock cannot be compared.
        if clockRate != last.clockRate { isNewSource = true }
        let step = codec.samples(timestampUnits: Int64(Int32(bitPattern: timestamp &- last.timestamp)))
        var position = last.position + step
        guard number > last.sequence else {
            return position <= last.position && position >= last.position - 2 * maximum ? position : nil
        }
        var isJump = isNewSource || position <= last.position
        if state == .playing {
            if !isJump { wake(position, number, at: time) }
            let headroom = headroom(of: position, at: time)
            isJump = isJump || headroom > 2 * maximum || headroom < -2 * maximum
        }
        if isJump {
            if !isNewSource { counters.jumps &+= 1 }
            // Behind all that was received, with the place of what is missing between.
            let missing = isNewSource ? 0 : min(number - last.sequence - 1, SequenceWindow.size)
            position = max(store.end ?? 0, last.position + Int64(last.samples), decodedEnd)
            position += missing * Int64(last.samples)
            if state == .playing {
                if store.count == 0 && dry > 0 { state = .idle } else { wake(position, number, at: time) }
            }
        }
        return settle(number, timestamp, samples, clockRate, at: position, time)
    }

    /// Makes a packet the reference, and the first of a talkspurt where none is being played.
    private mutating func settle(
        _ number: Int64, _ timestamp: UInt32, _ samples: Int, _ clockRate: SampleRate, at position: Int64,
        _ time: Int64
    ) -> Int64 {
        reference = Reference(
            sequence: number, timestamp: timestamp, position: position, samples: samples, clockRate: clockRate)
        isNewSource = false
        let transit = time - position
        switch state {
        case .idle:
            endDry(isSilence: position > decodedEnd && isSilent(before: number))
            state = .buffering(anchor: transit)
        case .buffering(let anchor):
            if (transit - anchor).magnitude > maximum.magnitude {
                counters.late &+= UInt64(store.count)
                store.removeAll()
                state = .buffering(anchor: transit)
            } else {
                state = .buffering(anchor: min(anchor, transit))
            }
        case .playing: break
        }
        return position
    }

    /// The first packet after the packets had run out tells whether they were lost, late or not sent; the media time goes
    /// on by as much as is known to be missing, and the rest of what was made up has made the delay longer.
    private mutating func wake(_ position: Int64, _ number: Int64, at time: Int64) {
        let gap = position - decodedEnd
        guard dry > 0, gap >= 0 else { return }
        let known = min(gap, Int64(dry))
        decodedEnd += known
        delay.stalled(by: Int64(dry) - known, at: time)
        endDry(isSilence: gap > 0 && isSilent(before: number))
    }

    private mutating func endDry(isSilence: Bool) {
        if isSilence {
            counters.silent &+= dryFrames
        } else {
            counters.concealed &+= dryFrames
        }
        dry = 0
        dryFrames = 0
    }

    /// Whether nothing with audio is missing between the last packet decoded and `number`.
    func isSilent(before number: Int64) -> Bool {
        guard let lastDecoded, let window else { return false }
        return window.isSilent(between: lastDecoded, and: number)
    }

    /// Whether the newest packets are without audio, so that no more can be expected now.
    var isSilentNow: Bool {
        guard let lastDecoded, let window, window.highest > lastDecoded else { return false }
        return window.isSilent(between: lastDecoded, and: window.highest + 1)
    }

    /// Packets that are missing between the last one decoded and `number`.
    func missing(before number: Int64) -> Int {
        guard let lastDecoded, let window else { return 0 }
        return window.missing(between: lastDecoded, and: number)
    }

    /// Passes over media that would be played too late.
    private mutating func skip(_ samples: Int64) {
        let dropped = Int(min(samples, Int64(ready)))
        consume(dropped, isPlayed: true)
        decodedEnd += samples - Int64(dropped)
        counters.removed &+= UInt64(samples)
        delay.shift(by: -samples)
    }
}
