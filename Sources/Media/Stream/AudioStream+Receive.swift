import RTP

extension AudioStream {
    /// Takes a datagram from the RTP socket, RTP or, where both share a port, RTCP. It is opened in place where the stream is secured.
    @discardableResult
    public func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        switch DatagramKind(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(datagram))) {
        case .rtp:
            switch opened(datagram, at: now) {
            case .success(let length):
                let packet = UnsafeRawBufferPointer(rebasing: datagram[..<length])
                return receiveMedia(RawSpan(_unsafeBytes: packet), from: address, at: now)
            case .failure(let refusal): return ignore(refusal.reason)
            }
        case .rtcp: return receiveControl(datagram, from: address, at: now)
        case .stun, .zrtp, .dtls, .channelData, .quic, .unknown: return ignore(.unknownProtocol)
        }
    }

    /// Takes a datagram from the RTCP socket, which is opened in place where the stream is secured.
    @discardableResult
    public func receiveControl(
        _ datagram: UnsafeMutableRawBufferPointer, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        switch openedControl(datagram, at: now) {
        case .success(let length):
            let compound = UnsafeRawBufferPointer(rebasing: datagram[..<length])
            return takeControl(RawSpan(_unsafeBytes: compound), from: address, at: now)
        case .failure(let refusal): return ignore(refusal.reason)
        }
    }

    /// Takes a datagram from the RTP socket, RTP or, where both share a port, RTCP. A stream that is secured takes none so, for it
    /// could not open it in place.
    @discardableResult
    public func receive(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        guard isClear else { return ignore(.unsecured) }
        switch DatagramKind(datagram) {
        case .rtp: return receiveMedia(datagram, from: address, at: now)
        case .rtcp: return takeControl(datagram, from: address, at: now)
        case .stun, .zrtp, .dtls, .channelData, .quic, .unknown: return ignore(.unknownProtocol)
        }
    }

    /// Takes a datagram from the RTCP socket; none where the stream is secured.
    @discardableResult
    public func receiveControl(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        guard isClear else { return ignore(.unsecured) }
        return takeControl(datagram, from: address, at: now)
    }

    private func takeControl(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        let checked: RTCPCompound
        do {
            checked = try RTCPCompound(checking: datagram, allowsReducedSize: negotiation.allowsReducedSize)
        } catch {
            return ignore(.malformedControl(error))
        }
        var compound = checked
        // A compound has the sender of the first report here; of reduced size a packet may name nobody, which then says nothing.
        guard datagram.byteCount >= 8 else { return ignore(.malformedControl(.truncated)) }
        let reporter = datagram.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian
        let verdict =
            negotiation.isMultiplexed
            ? latch.receive(from: address, ssrc: reporter, at: now)
            : controlLatch.receive(from: address, ssrc: reporter, at: now)
        guard verdict != .refused else { return ignore(.address) }
        if verdict == .moved, negotiation.isMultiplexed { report(.moved) }
        counts.receivedReports &+= 1
        schedule.note(size: datagram.byteCount)
        while let packet = compound.next(in: datagram) {
            switch packet {
            case .senderReport(let report):
                if report.ssrc == receiver?.ssrc { receiver?.receive(report.info, at: now) }
                take(report.blocks.block(about: sender.ssrc, in: datagram), at: now)
            case .receiverReport(let report):
                take(report.blocks.block(about: sender.ssrc, in: datagram), at: now)
            case .goodbye(let goodbye):
                if let ssrc = receiver?.ssrc, goodbye.names(ssrc, in: datagram) { report(.goodbye) }
            case .extendedReport(let report):
                remoteMetrics = report.metrics(about: sender.ssrc, in: datagram) ?? remoteMetrics
            case .sourceDescription, .other: break
            }
        }
        return .control
    }

    private func receiveMedia(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        let header: RTPHeader
        do {
            header = try RTPHeader(parsing: datagram)
        } catch {
            return ignore(.malformed(error))
        }
        let entry = payloads[header.payloadType]
        if case .unknown = entry { return ignore(.payloadType(header.payloadType)) }
        switch latch.receive(from: address, ssrc: header.ssrc, at: now) {
        case .refused: return ignore(.address)
        case .moved: report(.moved)
        case .accepted: break
        }
        if header.ssrc == sender.ssrc { resolveCollision(from: address) }
        guard admit(header, clock(of: entry), at: now) else {
            if header.ssrc == candidate?.ssrc { probe.keep(datagram, header, at: now) }
            return ignore(.unproven)
        }
        probe.take(from: header.ssrc) { payload, header, arrival in
            // Nobody has ignored it after all.
            counts.ignoredDatagrams &-= 1
            counts.receivedPackets &+= 1
            counts.receivedOctets &+= UInt64(header.payloadLength)
            guard negotiation.direction.receives else { return }
            _ = take(payload, payloads[header.payloadType], header, at: arrival)
        }
        counts.receivedPackets &+= 1
        counts.receivedOctets &+= UInt64(header.payloadLength)
        guard negotiation.direction.receives else { return ignore(.direction) }
        return take(datagram.extracting(header.payload), entry, header, at: now)
    }

    /// Takes the payload of a packet that is believed.
    private func take(
        _ payload: RawSpan, _ entry: PayloadTable.Entry, _ header: RTPHeader, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        switch entry {
        case .audio(let codec):
            return receiveAudio(payload, codec, header, at: now)
        case .redundant:
            return receiveRedundant(payload, header, at: now)
        case .event(let rate):
            heardKeyRate = rate
            playout.noteSilence(sequence: header.sequenceNumber)
            heardKeys.receive(payload, header: header, at: now)
            drainKeys()
            return .event
        case .comfortNoise:
            if let noise = ComfortNoise(payload) {
                playout.describe(noise, sequence: header.sequenceNumber)
            } else {
                playout.noteSilence(sequence: header.sequenceNumber)
            }
            return .event
        case .unknown:
            playout.noteSilence(sequence: header.sequenceNumber)
            return .event
        }
    }

    private func receiveAudio(
        _ payload: RawSpan, _ codec: AudioCodec, _ header: RTPHeader, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        if codec.layout != playout.configuration.layout, !hear(codec, at: now) {
            // Overtaken by the first of another rate, or in other channels.
            guard codec.layout == retiring?.buffer.configuration.layout else {
                return ignore(.payloadType(header.payloadType))
            }
            retiring?.buffer.insert(
                payload, codec: codec, sequence: header.sequenceNumber, timestamp: header.timestamp, at: now)
            return .media
        }
        playout.insert(
            payload, codec: codec, sequence: header.sequenceNumber, timestamp: header.timestamp, at: now)
        heardKeys.noteAudio(timestamp: header.timestamp)
        drainKeys()
        return .media
    }

    /// A packet that holds those before it once more (RFC 2198): each block before the primary one stands for one packet.
    private func receiveRedundant(
        _ payload: RawSpan, _ header: RTPHeader, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        let parsed: RedundantPayload
        do {
            parsed = try RedundantPayload(parsing: payload, timestamp: header.timestamp)
        } catch {
            playout.noteSilence(sequence: header.sequenceNumber)
            return ignore(.malformed(error))
        }
        for index in 0..<parsed.redundantCount {
            guard let block = parsed.redundant(at: index, in: payload), !block.octets.isEmpty,
                case .audio(let codec) = payloads[block.payloadType],
                codec.layout == playout.configuration.layout
            else { continue }
            let age = UInt16(truncatingIfNeeded: parsed.redundantCount - index)
            playout.restore(
                payload.extracting(block.octets), codec: codec, sequence: header.sequenceNumber &- age,
                timestamp: block.timestamp, at: now)
        }
        guard case .audio(let codec) = payloads[parsed.primary.payloadType], !parsed.primary.octets.isEmpty else {
            playout.noteSilence(sequence: header.sequenceNumber)
            return .event
        }
        return receiveAudio(payload.extracting(parsed.primary.octets), codec, header, at: now)
    }

    /// Accounts for a packet of the source that is played, or of another one that shall be; false when it must wait.
    private func admit(_ header: RTPHeader, _ clock: RTPClock, at now: ContinuousClock.Instant) -> Bool {
        if receiver?.ssrc == header.ssrc {
            // Its first packets, still on probation, are kept: nothing else could be played. Later jumps are not believed
            // at once.
            let outcome = receiver?.receive(header, at: now) ?? .suspect
            if outcome == .suspect { return false }
            lastHeard = now
            candidate = nil
            if outcome == .restarted { beginSource() }
            return true
        }
        if receiver == nil || lastHeard.duration(to: now) >= configuration.sourceHold {
            adopt(first(header, clock, at: now), at: now)
            return true
        }
        // Another source beside one that is active: believed when it has passed probation.
        if candidate?.ssrc == header.ssrc {
            let outcome = candidate?.receive(header, at: now) ?? .probation
            guard outcome.isValid, let proven = candidate else { return false }
            adopt(proven, at: now)
            return true
        }
        candidate = first(header, clock, at: now)
        return false
    }

    /// The clock of the timestamps of a source that begins with a packet of such a kind.
    private func clock(of entry: PayloadTable.Entry) -> RTPClock {
        if case .audio(let codec) = entry { codec.clockRate.clock } else { negotiation.codec.clockRate.clock }
    }

    private func first(_ header: RTPHeader, _ clock: RTPClock, at now: ContinuousClock.Instant) -> RTPReceiver {
        var fresh = RTPReceiver(first: header, at: now, clock: clock, limits: configuration.sequenceLimits)
        _ = fresh.receive(header, at: now)
        return fresh
    }

    private func adopt(_ source: RTPReceiver, at now: ContinuousClock.Instant) {
        let isChange = receiver != nil
        receiver = source
        candidate = nil
        lastHeard = now
        guard isChange else { return }
        beginSource()
        report(.sourceChanged(ssrc: source.ssrc))
    }

    private func beginSource() {
        playout.startSource()
        heardKeys.reset()
        drainKeys()
    }

    /// The peer uses our identifier: we take another one, once for each address; a second time it is our own stream that
    /// comes back, which is heard as it is (RFC 3550 §8.2).
    private func resolveCollision(from address: Address) {
        guard collided != address else { return }
        collided = address
        leaving = sender.ssrc
        sender.changeSource(avoiding: receiver?.ssrc ?? sender.ssrc, using: &generator)
        remoteReport = nil
        remoteMetrics = nil
    }

    private func take(_ block: ReportBlock?, at now: ContinuousClock.Instant) {
        guard let block else { return }
        // A report about a sender report of before tells of the way as it was then.
        let isNew = block.lastSenderReport != remoteReport?.lastSenderReport
        remoteReport = block
        let time = RoundTrip.time(
            arrival: wallclockTime(at: now), lastSenderReport: block.lastSenderReport,
            delay: block.delaySinceLastSenderReport)
        roundTrip = time ?? roundTrip
        note(lossFraction: Double(block.fractionLost) / 256, roundTrip: isNew ? time : nil)
    }

    /// Hands on what the receiver of keys has found out.
    func drainKeys() {
        while let found = heardKeys.nextReport() {
            switch found {
            case .began(let code): report(.digitBegan(code))
            case .ended(let code, let units, _):
                report(.digitEnded(code, duration: heardEventClock.duration(of: Int64(units))))
            }
        }
    }

    /// The clock of the durations that the peer reports.
    private var heardEventClock: RTPClock {
        heardKeyRate?.clock ?? sender.clock
    }

    private func ignore(_ reason: AudioReceipt.Reason) -> AudioReceipt {
        counts.ignoredDatagrams &+= 1
        if case .unauthentic = reason { counts.unauthenticDatagrams &+= 1 }
        return .ignored(reason)
    }
}
