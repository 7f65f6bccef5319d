import RTP

extension AudioStream {
    /// Takes a datagram from the RTP socket, RTP or, where both share a port, RTCP.
    @discardableResult
    public func receive(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        switch DatagramKind(datagram) {
        case .rtp: return receiveMedia(datagram, from: address, at: now)
        case .rtcp: return receiveControl(datagram, from: address, at: now)
        case .stun, .zrtp, .dtls, .channelData, .quic, .unknown: return ignore(.unknownProtocol)
        }
    }

    /// Takes a datagram from the RTCP socket.
    @discardableResult
    public func receiveControl(
        _ datagram: RawSpan, from address: Address, at now: ContinuousClock.Instant
    ) -> AudioReceipt {
        let checked: RTCPCompound
        do {
            checked = try RTCPCompound(checking: datagram)
        } catch {
            return ignore(.malformedControl(error))
        }
        var compound = checked
        // The checks above leave at least the sender of the first report.
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
        guard admit(header, at: now) else { return ignore(.unproven) }
        counts.receivedPackets &+= 1
        counts.receivedOctets &+= UInt64(header.payloadLength)
        guard negotiation.direction.receives else { return ignore(.direction) }
        switch entry {
        case .audio(let codec):
            playout.insert(
                datagram.extracting(header.payload), codec: codec, sequence: header.sequenceNumber,
                timestamp: header.timestamp, at: now)
            heardKeys.noteAudio(timestamp: header.timestamp)
            drainKeys()
            return .media
        case .event:
            playout.noteSilence(sequence: header.sequenceNumber)
            heardKeys.receive(datagram.extracting(header.payload), header: header, at: now)
            drainKeys()
            return .event
        case .comfortNoise, .unknown:
            playout.noteSilence(sequence: header.sequenceNumber)
            return .event
        }
    }

    /// Accounts for a packet of the source that is played, or of another one that shall be; false when it must wait.
    private func admit(_ header: RTPHeader, at now: ContinuousClock.Instant) -> Bool {
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
            adopt(first(header, at: now), at: now)
            return true
        }
        // Another source beside one that is active: believed when it has passed probation.
        if candidate?.ssrc == header.ssrc {
            let outcome = candidate?.receive(header, at: now) ?? .probation
            guard outcome.isValid, let proven = candidate else { return false }
            adopt(proven, at: now)
            return true
        }
        candidate = first(header, at: now)
        return false
    }

    private func first(_ header: RTPHeader, at now: ContinuousClock.Instant) -> RTPReceiver {
        var fresh = RTPReceiver(
            first: header, at: now, clock: negotiation.codec.clockRate.clock, limits: configuration.sequenceLimits)
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
    }

    private func take(_ block: ReportBlock?, at now: ContinuousClock.Instant) {
        guard let block else { return }
        remoteReport = block
        if let time = RoundTrip.time(
            arrival: wallclockTime(at: now), lastSenderReport: block.lastSenderReport,
            delay: block.delaySinceLastSenderReport)
        {
            roundTrip = time
        }
    }

    /// Hands on what the receiver of keys has found out.
    func drainKeys() {
        while let found = heardKeys.nextReport() {
            switch found {
            case .began(let code): report(.digitBegan(code))
            case .ended(let code, let units, _):
                report(.digitEnded(code, duration: sender.clock.duration(of: Int64(units))))
            }
        }
    }

    private func ignore(_ reason: AudioReceipt.Reason) -> AudioReceipt {
        counts.ignoredDatagrams &+= 1
        return .ignored(reason)
    }
}
