import RTP

// What is done at each tick.
extension AudioStream {
    /// Makes the frame that is due: gives one to the sink, sends one of the source, and a report when it is time.
    ///
    /// Call it when `nextTick` has come; when several are due, call it again until `nextTick` is in the future. Before its
    /// time it does nothing. A lane that was held up for more than `catchUpFrames` passes over the rest.
    ///
    /// - Parameter memory: at least `tickCapacity` octets, where the datagrams are written.
    public func tick(at now: ContinuousClock.Instant, into memory: inout MutableRawSpan) -> AudioTick<Address> {
        var result = AudioTick<Address>()
        guard now >= nextTick else { return result }
        catchUp(to: now)
        let due = nextTick
        nextTick += negotiation.packetTime
        heardKeys.expire(at: now)
        drainKeys()
        hear(at: due)
        let length = say(at: due, into: &memory, &result)
        if let recorder { give(recorder, at: due) }
        if now >= schedule.next { writeReport(at: now, into: &memory, after: length, &result) }
        return result
    }

    /// Says goodbye (RFC 3550 §6.3.7): the last datagram of the stream, for the address of `remoteControl`; nil when
    /// nothing was ever sent, or the address is not known.
    public func goodbye(
        at now: ContinuousClock.Instant, into memory: inout MutableRawSpan
    ) -> AudioTick<Address>.Datagram? {
        guard counts.sentPackets > 0 || counts.sentReports > 0, !isPending, let destination = remoteControl else {
            return nil
        }
        var writer = RTCPWriter()
        do {
            try writeCompound(at: now, &writer, into: &memory)
            let none = InlineArray<0, UInt8>(repeating: 0)
            try writer.goodbye(ssrc: sender.ssrc, reason: none.span.bytes, into: &memory)
        } catch {
            return nil
        }
        guard let octets = sealControl(0..<writer.length, in: &memory) else { return nil }
        counts.sentReports &+= 1
        return .init(octets: octets, destination: destination)
    }

    private func catchUp(to now: ContinuousClock.Instant) {
        let behind = nextTick.duration(to: now)
        let limit = negotiation.packetTime * max(1, configuration.catchUpFrames)
        guard behind > limit else { return }
        // A clock that leaps by ages is followed in several calls.
        let skipped = Int64(min((behind - limit) / negotiation.packetTime, 1e12)) + 1
        nextTick += negotiation.packetTime * skipped
        sender.advance(by: UInt32(truncatingIfNeeded: skipped &* Int64(unitsPerFrame)))
        counts.skippedFrames &+= UInt64(skipped)
        gathering.drop()
        needsMarker = true
    }

    private func hear(at due: ContinuousClock.Instant) {
        if hearRetiring(at: due) { return }
        let memory = heard.elements
        var frame = memory.mutableSpan
        _ = playout.pull(into: &frame, at: due)
        heardMeter.update(memory.span)
        if negotiation.direction.receives, detector != nil {
            heard.mix()
            if listen(heard.mean.span), removesKeys { frame.silence() }
        }
        sink?.write(memory.span)
    }

    /// Hears keys in the sound; whether one sounds in this frame.
    private func listen(_ frame: Span<Int16>) -> Bool {
        let wasSounding = isKeySounding
        detector?.process(frame) { found in
            switch found {
            case .began(let code):
                isKeySounding = true
                report(.digitBegan(code))
            case .ended(let code, let duration):
                isKeySounding = false
                report(.digitEnded(code, duration: duration))
            }
        }
        return wasSounding || isKeySounding
    }

    /// Gives both frames of a tick to the recorder.
    @inline(never)
    private func give(_ recorder: CallRecorder, at due: ContinuousClock.Instant) {
        // Held here: Swift 6.3 does not compile a release that borrows the spans from the properties.
        let (heardFrame, saidFrame) = (retiring?.frame ?? heard, said)
        heardFrame.mix()
        saidFrame.mix()
        let (heardMemory, saidMemory) = (heardFrame.mean, saidFrame.mean)
        let rate = retiring?.buffer.configuration.sampleRate ?? playout.configuration.sampleRate
        recorder.write(
            heard: heardMemory.span, at: rate, said: saidMemory.span,
            at: negotiation.codec.sampleRate, due: due)
    }
}
