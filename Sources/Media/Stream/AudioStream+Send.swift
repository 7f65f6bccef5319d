import RTP

// What is said.
extension AudioStream {
    /// - Returns: octets of the packet; 0 when none is sent.
    func say(
        at due: ContinuousClock.Instant, into memory: inout MutableRawSpan, _ result: inout AudioTick<Address>
    ) -> Int {
        let frameMemory = said.elements
        var frame = frameMemory.mutableSpan
        let hasSource = source != nil
        // Before there are keys and a way the source waits: its beginning is not for nobody.
        if let source, !isPending, !latch.isSearching {
            if source.read(into: &frame) < frameMemory.count {
                self.source = nil
                givenSource = nil
                report(.sourceEnded)
            }
        } else {
            frame.silence()
        }
        var sounds = false
        if negotiation.direction.sends, !isPending, keyTones.isBusy {
            said.mix()
            var mean = said.mean.mutableSpan
            sounds = keyTones.fill(&mean)
            said.spread()
        }
        saidMeter.update(frameMemory.span)
        sender.mark(due)
        defer { sender.advance(by: unitsPerFrame) }
        guard negotiation.direction.sends, !isPending, let destination = latch.destination else {
            needsMarker = true
            gathering.drop()
            // Nobody hears it: nor does who listens to the recording.
            frame.silence()
            return 0
        }
        // A key waits for the packet that is begun, and that for nothing.
        let key =
            negotiation.eventPayloadType == nil || gathering.isBegun
            ? nil : keys.next(timestamp: sender.timestamp, units: unitsPerFrame)
        guard key != nil || hasSource || sounds || configuration.sendsSilence || gathering.isBegun else {
            needsMarker = true
            return 0
        }
        guard let payloadLength = write(key, into: &memory) else {
            counts.unsentFrames &+= 1
            return 0
        }
        guard payloadLength > 0 else {
            // The codec has found silence, or the packet is not whole yet.
            if !gathering.isBegun { needsMarker = true }
            return 0
        }
        guard let length = seal(RTPHeader.fixedLength + payloadLength, in: &memory) else {
            counts.unsentFrames &+= 1
            return 0
        }
        counts.sentPackets &+= 1
        counts.sentOctets &+= UInt64(payloadLength)
        result.media = .init(octets: 0..<length, destination: destination)
        return length
    }

    /// Writes the packet.
    ///
    /// - Returns: octets of its payload, 0 when none is needed; nil where there is no room, or no codec.
    private func write(_ key: TelephoneEventSender.Packet?, into memory: inout MutableRawSpan) -> Int? {
        let start = RTPHeader.fixedLength
        if let key, let type = negotiation.eventPayloadType {
            var event = key.event
            if let rate = negotiation.eventClockRate, rate != negotiation.codec.clockRate {
                event.duration = UInt16(
                    clamping: Int(event.duration) * rate.hertz / negotiation.codec.clockRate.hertz)
            }
            guard (try? event.write(into: &memory, at: start)) != nil else { return nil }
            redundancy.reset()
            let header = sender.nextHeader(
                payloadType: type, marker: key.marker, payloadLength: TelephoneEvent.length, timestamp: key.timestamp)
            _ = try? header.write(into: &memory)
            needsMarker = true
            return TelephoneEvent.length
        }
        if negotiation.noisePayloadType != nil, configuration.suppressesSilence, !gathering.isBegun {
            switch analyze() {
            case .speech: break
            case .noise(let noise): return write(noise, into: &memory)
            case .nothing:
                redundancy.reset()
                return 0
            }
        }
        return writeFrame(into: &memory)
    }

    private func write(_ noise: ComfortNoise, into memory: inout MutableRawSpan) -> Int? {
        redundancy.reset()
        guard let type = negotiation.noisePayloadType,
            let length = try? noise.write(into: &memory, at: RTPHeader.fixedLength)
        else { return nil }
        // No marker (RFC 3389 §4); the next packet of speech has it.
        let header = sender.nextHeader(payloadType: type, marker: false, payloadLength: length)
        _ = try? header.write(into: &memory)
        needsMarker = true
        return length
    }

    private func writeFrame(into memory: inout MutableRawSpan) -> Int? {
        guard gather() else { return 0 }
        guard encoder != nil, let least = leastRoom, RTPHeader.fixedLength + least <= memory.byteCount else {
            return nil
        }
        var type = negotiation.payloadType
        var length = 0
        if let redundant = negotiation.redundantPayloadType, redundancy.depth > 0 {
            let count = encodeAside()
            guard count > 0 else {
                redundancy.reset()
                return 0
            }
            length = writeBlocks(count, into: &memory)
            guard length > 0 else { return nil }
            type = redundant
        } else {
            length = encode(into: &memory)
            guard length > 0 else { return 0 }
        }
        let header = sender.nextHeader(
            payloadType: type, marker: needsMarker, payloadLength: length, timestamp: firstTimestamp)
        _ = try? header.write(into: &memory)
        needsMarker = false
        return length
    }

    // The encoder and each memory have a function of their own, and spans are made of pointers: else the optimiser of Swift 6.3.1
    // fails.

    /// Encodes the frame to where a packet has its payload.
    ///
    /// - Returns: octets of it; 0 where nothing needs to be sent.
    @inline(never)
    private func encode(into memory: inout MutableRawSpan) -> Int {
        let frame = packetFrame
        return encoder?.encode(frame.span, into: &memory, at: RTPHeader.fixedLength) ?? 0
    }

    /// Encodes the frame to the payload's own memory.
    ///
    /// - Returns: octets of it; 0 where nothing needs to be sent.
    @inline(never)
    private func encodeAside() -> Int {
        // The memory lives as long as the stream.
        var space = MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(payload.elements))
        let frame = packetFrame
        return encoder?.encode(frame.span, into: &space) ?? 0
    }

    /// Writes the payload's own memory with the payloads before it (RFC 2198).
    ///
    /// - Returns: octets written; 0 where there is no room.
    @inline(never)
    private func writeBlocks(_ count: Int, into memory: inout MutableRawSpan) -> Int {
        // The memory lives as long as the stream.
        let octets = RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(payload.elements)[..<count]))
        return redundancy.write(
            octets, payloadType: negotiation.payloadType, timestamp: firstTimestamp, into: &memory,
            at: RTPHeader.fixedLength)
    }

    /// Octets that a payload must have room for; nil where a frame is longer than any datagram.
    private var leastRoom: Int? {
        let codec = negotiation.codec
        if case .opus = codec { return OpusEncoder.leastRoom }
        let length = codec.payloadCapacity(samples: said.count * gathering.parts)
        return length <= Self.packetCapacity - RTPHeader.fixedLength ? length : nil
    }

    /// Units of the timestamp in a frame.
    var unitsPerFrame: UInt32 {
        UInt32(truncatingIfNeeded: negotiation.codec.timestampUnits(samples: said.count))
    }
}
