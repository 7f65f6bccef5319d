import RTP

extension PlayoutBuffer {
    /// What went into a frame besides media.
    private struct Ingredients {
        var isConcealed = false
        var isSilent = false
        var isDry = false
    }

    /// Gives the next frame.
    ///
    /// - Parameters:
    ///   - frame: holds exactly `samplesPerFrame` samples; anything else is an error of the program.
    ///   - now: when the frame is due.
    public mutating func pull(into frame: inout MutableSpan<Int16>, at now: ContinuousClock.Instant) -> Frame {
        precondition(
            frame.count == samplesPerFrame, "a frame of \(frame.count) samples where \(samplesPerFrame) are due")
        let time = time(now)
        begin(at: time)
        nextDue = time + Int64(frameLength)
        guard state == .playing else {
            if hasNoise {
                noise.fill(&frame, from: 0, count: frameLength)
                if channels > 1 { Channels.spread(&frame, from: 0, count: frameLength) }
            } else {
                frame.silence()
            }
            consume(frameLength, isPlayed: false)
            return .idle
        }
        counters.frames &+= 1
        delay.advance(to: time)
        if stretch(into: &frame, at: time) {
            listen(to: frame)
            return .media
        }
        var ingredients = Ingredients()
        fill(frameLength, &ingredients)
        let first = historyLength * channels
        for index in 0..<frame.count { frame[index] = line[first + index] }
        listen(to: frame)
        consume(frameLength, isPlayed: true)
        return account(ingredients)
    }

    /// Takes note of how loud it is, and for how long there has been a pause.
    private mutating func listen(to frame: borrowing MutableSpan<Int16>) {
        var sum = 0
        for index in 0..<frame.count { sum += Int(frame[index].magnitude) }
        let mean = Float(sum) / Float(frame.count)
        loudness = max(mean, loudness * (1 - Self.fading))
        quiet = mean <= max(loudness * Self.pausePart, Self.silence) ? min(quiet + frameLength, 1 << 20) : 0
    }

    /// Whether a frame that is due now holds what was received, or what is made up for it.
    mutating func isDue(at now: ContinuousClock.Instant) -> Bool {
        if state == .playing { return true }
        let time = time(now)
        return start.map { time >= $0 } ?? false
    }

    /// When the first packet's time comes.
    private var start: Int64? {
        guard case .buffering(let anchor) = state, let first = store.first else { return nil }
        // Where packets and frames differ in length, a packet may be needed in the middle of a frame: up to so much
        // before its own time.
        let offset = Int64(frameLength - greatestCommonDivisor(frameLength, first.samples))
        return anchor + first.position + nominal + offset
    }

    /// Starts to play when the first packet's time has come.
    private mutating func begin(at time: Int64) {
        guard let start, let first = store.first, time >= start else { return }
        state = .playing
        ready = 0
        dry = 0
        delay.begin(at: time)
        concealer.end()
        decodedEnd = first.position
        let surplus = time - start
        guard surplus > nominal else { return }
        // Packets that came in a burst after a stall, or long before the first frame was due: the old ones are over.
        decodedEnd += surplus
        while let old = store.first, old.end <= decodedEnd {
            counters.late &+= 1
            lastDecoded = old.sequence
            store.removeFirst()
        }
    }

    /// Makes at least `count` samples ready, whatever it takes.
    private mutating func fill(_ count: Int, _ ingredients: inout Ingredients) {
        while ready < count {
            decodeNext(count)
            guard ready < count else { return }
            guard let slot = store.first else {
                let silently = isSilentNow
                dry += conceal(count - ready, silently: silently)
                if silently { ingredients.isSilent = true } else { ingredients.isDry = true }
                if Int64(dry) > maximum { state = .idle }
                return
            }
            // Nothing that could be decoded, so the next packet lies behind a gap.
            let gap = Int(clamping: slot.position - decodedEnd)
            let silently = isSilent(before: slot.sequence)
            let recovered = silently ? 0 : recover(gap, before: slot)
            // A copy is of a whole packet: what is made up ends where it begins.
            let most = gap > slot.samples ? gap - slot.samples : gap
            let made = recovered > 0 ? recovered : conceal(min(most, count - ready), silently: silently)
            decodedEnd += Int64(made)
            if silently { ingredients.isSilent = true } else { ingredients.isConcealed = true }
        }
    }

    /// Decodes packets that follow on without a gap until `count` samples are ready or there are no more such.
    mutating func decodeNext(_ count: Int) {
        while ready < count, let slot = store.first, slot.position <= decodedEnd {
            let missing = missing(before: slot.sequence)
            counters.lost &+= UInt64(missing)
            pattern.lost(missing - repaired)
            for _ in 0...min(repaired, missing) { pattern.received() }
            repaired = 0
            lastDecoded = max(lastDecoded ?? slot.sequence, slot.sequence)
            let start = (historyLength + ready) * channels
            let overlap = Int(clamping: decodedEnd - slot.position)
            guard overlap < slot.samples else {
                counters.late &+= 1
                store.removeFirst()
                continue
            }
            var decoded = 0
            if let decoder = decoders.select(slot.codec) {
                decoded = store.decode(slot, by: decoder, into: &line, at: start) / channels - overlap
            }
            store.removeFirst()
            guard decoded > 0 else { continue }
            if overlap > 0 {
                let behind = start + overlap * channels
                for index in 0..<decoded * channels { line[start + index] = line[behind + index] }
            }
            if concealer.isActive {
                concealer.merge(into: &line, at: historyLength + ready, available: decoded)
                concealer.end()
            }
            ready += decoded
            decodedEnd += Int64(decoded)
        }
    }

    /// Makes up `count` samples behind those that are ready, or a little more where the codec makes them up in steps.
    ///
    /// - Returns: samples made up.
    private mutating func conceal(_ count: Int, silently: Bool) -> Int {
        let channels = channels
        let place = historyLength + ready
        if silently, hasNoise {
            // A span of one property may not stand beside a change of another.
            var generator = noise
            var samples = line.mutableSpan
            generator.fill(&samples, from: place * channels, count: count)
            if channels > 1 { Channels.spread(&samples, from: place * channels, count: count) }
            noise = generator
            concealer.end()
            ready += count
            return count
        }
        let isLong = dry >= configuration.sampleRate.samples(in: Self.ownConcealment)
        if let decoder = decoders.current, let step = decoder.concealmentStep, !concealer.isActive, !isLong {
            let whole = (count + step - 1) / step * step
            var samples = line.mutableSpan
            let made = decoder.conceal(whole * channels, into: &samples, at: place * channels) / channels
            if made >= count {
                ready += made
                return made
            }
        }
        if !concealer.isActive { concealer.begin(after: place, in: line) }
        concealer.fill(&line, at: place, count: count, silently: silently)
        ready += count
        return count
    }

    /// Decodes what the packet behind a gap knows of its last part, which is as long as that packet; the part before must be made up
    /// first.
    ///
    /// - Returns: samples decoded; 0 where the packet knows nothing, or the gap is not as long.
    private mutating func recover(_ gap: Int, before slot: PacketStore.Slot) -> Int {
        guard gap > 0, gap == slot.samples, !concealer.isActive, let decoder = decoders.select(slot.codec) else {
            return 0
        }
        let place = (historyLength + ready) * channels
        let recovered =
            store.recover(before: slot, gap * channels, by: decoder, into: &line, at: place) / channels
        ready += recovered
        if recovered > 0 {
            counters.recovered &+= 1
            repaired = 1
        }
        return recovered
    }

    /// Moves played samples into the past; while nothing is played, silence.
    mutating func consume(_ count: Int, isPlayed: Bool) {
        if !isPlayed {
            for index in 0..<historyLength * channels { line[index] = 0 }
            ready = 0
            return
        }
        let kept = (historyLength + ready - count) * channels
        let gone = count * channels
        line.withUnsafeMutableBufferPointer { line in
            // A buffer of a non-empty array has a base.
            guard let base = line.baseAddress else { return }
            base.update(from: base + gone, count: kept)
        }
        ready -= count
    }

    private mutating func account(_ ingredients: Ingredients) -> Frame {
        if ingredients.isConcealed {
            counters.concealed &+= 1
            return .concealed
        }
        if ingredients.isDry {
            dryFrames &+= 1
            return concealer.isAudible ? .concealed : .silence
        }
        if ingredients.isSilent {
            counters.silent &+= 1
            return .silence
        }
        return .media
    }

    private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }
}
