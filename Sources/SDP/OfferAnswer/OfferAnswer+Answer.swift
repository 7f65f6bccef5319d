extension OfferAnswer {
    /// Takes an offer of the peer. The agreement stays as it is until it is answered.
    ///
    /// - Returns: How the offer relates to what the peer said before.
    /// - Throws: `.glare` or `.offerPending` when the state is not stable, `.mediaRemoved` when the offer has fewer `m=`
    ///   lines than the session.
    @discardableResult
    public mutating func receiveOffer(_ offer: SessionDescription) throws(OfferAnswerError) -> OfferChange {
        try requireStable()
        guard let agreement else {
            phase = .offerReceived(offer)
            return .initial
        }
        guard offer.media.count >= agreement.slots.count else {
            throw OfferAnswerError(
                .mediaRemoved, "the offer has \(offer.media.count) m= lines, the session \(agreement.slots.count)")
        }
        phase = .offerReceived(offer)
        let known = agreement.remote
        let isUnchanged =
            offer.origin.isSameSession(as: known.origin) && offer.section == known.section && offer.media == known.media
        return isUnchanged ? .unchanged : .changed
    }

    /// Answers the offer of the peer (RFC 3264 §6).
    ///
    /// Each `m=` line is given to the local stream that had it before, else to the first one that is free and fits;
    /// lines that none fits are refused one by one. The numbers of payload types are those of the offer.
    ///
    /// - Throws: `.noOffer` when there is nothing to answer; `.noAcceptableMedia` with a reason for every line when the
    ///   offer wants media and none can be accepted. The offer waits on: reject it and ``rollBack()``, try other
    ///   capabilities, or ``makeRefusal()``.
    public mutating func makeAnswer(
        _ capabilities: MediaCapabilities
    ) throws(OfferAnswerError) -> SessionDescription {
        guard case .offerReceived(let offer) = phase else { throw OfferAnswer.nothingToAnswer }
        try require(distinctStreamsIn: capabilities)
        var taken: Set<StreamCapability.ID> = []
        var lines: [Result<AcceptedMedia, RefusalFailure>] = []
        for index in offer.media.indices {
            let line = accept(index, of: offer, capabilities, taken)
            if case .success(let accepted) = line { taken.insert(accepted.stream.id) }
            lines.append(line)
        }
        if taken.isEmpty, offer.media.contains(where: { $0.port != 0 }) {
            let refused = OfferAnswer.refused(lines, offer)
            throw OfferAnswerError(
                .noAcceptableMedia, refused.map(\.description).joined(separator: "; "), refused: refused)
        }
        return answer(offer, lines, capabilities.attributes)
    }

    /// Answers the offer of the peer with every line refused: the valid answer that an offer in a 2xx needs before the
    /// call is ended (RFC 3261 §13.2.2.4).
    public mutating func makeRefusal() throws(OfferAnswerError) -> SessionDescription {
        guard case .offerReceived(let offer) = phase else { throw OfferAnswer.nothingToAnswer }
        return answer(offer, offer.media.map { _ in .failure(RefusalFailure(.declined)) }, [])
    }

    private static let nothingToAnswer = OfferAnswerError(.noOffer, "no offer of the peer waits for an answer")

    private mutating func answer(
        _ offer: SessionDescription, _ lines: [Result<AcceptedMedia, RefusalFailure>], _ attributes: [Attribute]
    ) -> SessionDescription {
        reserveLines(lines.count)
        let former = agreement?.slots ?? []
        var slots: [StreamCapability.ID?] = []
        var streams: [NegotiatedStream] = []
        var written: [DescriptionComposer.MediaLine] = []
        for (index, line) in lines.enumerated() {
            switch line {
            case .success(let accepted):
                let isKept = index < former.count && former[index] == accepted.stream.id
                if !isKept { payloadTypes[index] = PayloadTypeTable() }
                payloadTypes[index].bind(accepted.receive)
                slots.append(accepted.stream.id)
                streams.append(accepted.negotiated(index))
                var line = accepted.line
                line.identify(by: offer.media[index].identification)
                written.append(line)
            case .failure:
                slots.append(nil)
                let media = offer.media[index]
                written.append(
                    DescriptionComposer.MediaLine(unused: media.field, identification: media.identification))
            }
        }
        // Of each group what is accepted, the first of it first (RFC 9143 §7.3).
        let groups = offer.groups.filter(\.isBundle).compactMap { DescriptionComposer.bundle($0.members, of: written) }
        let description = compose(written, attributes: groups.map(\.attribute) + attributes, answering: offer)
        agreement = Agreement(
            local: description, remote: offer, slots: slots, streams: streams,
            refused: OfferAnswer.refused(lines, offer))
        phase = .stable
        return description
    }

    private static func refused(
        _ lines: [Result<AcceptedMedia, RefusalFailure>], _ offer: SessionDescription
    ) -> [RefusedMedia] {
        lines.enumerated().compactMap { index, line in
            guard case .failure(let failure) = line else { return nil }
            let field = offer.media[index].field
            return RefusedMedia(index: index, media: field.media, transport: field.transport, reason: failure.reason)
        }
    }

    /// Finds the local stream for a line of the offer: its own, or the first that is free and fits.
    private func accept(
        _ index: Int, of offer: SessionDescription, _ capabilities: MediaCapabilities,
        _ taken: Set<StreamCapability.ID>
    ) -> Result<AcceptedMedia, RefusalFailure> {
        let field = offer.media[index].field
        guard field.port != 0 else { return .failure(RefusalFailure(.disabled)) }
        let slots = agreement?.slots ?? []
        let own = index < slots.count ? slots[index] : nil
        // A stream that a later line holds on to is not free.
        let held = slots.indices.dropFirst(index + 1).compactMap { offer.media[$0].port == 0 ? nil : slots[$0] }
        let known = capabilities.streams.filter { $0.isUsable && $0.media.equalsIgnoringCase(field.media) }
        guard !known.isEmpty else { return .failure(RefusalFailure(.unsupportedMedia)) }
        let free = known.filter { !taken.contains($0.id) && !held.contains($0.id) }
        let ordered = free.filter { $0.id == own } + free.filter { $0.id != own }
        guard let first = ordered.first else { return .failure(RefusalFailure(.noFreeStream)) }

        let result = accept(index, of: offer, first)
        for stream in ordered.dropFirst() {
            if case .success = result { break }
            if case .success(let accepted) = accept(index, of: offer, stream) { return .success(accepted) }
        }
        return result
    }

    /// Tries a line of the offer with a stream (RFC 3264 §6.1).
    private func accept(
        _ index: Int, of offer: SessionDescription, _ stream: StreamCapability
    ) -> Result<AcceptedMedia, RefusalFailure> {
        let media = offer.media[index]
        guard stream.transports.contains(where: { $0.equalsIgnoringCase(media.field.transport) }) else {
            return .failure(RefusalFailure(.unsupportedTransport))
        }
        return RemoteMedia.find(index, in: offer).flatMap { remote in
            if !stream.takesAnyFamily, !remote.address.isUnspecified, let ours = stream.address.family,
                ours != remote.connection.family
            {
                return .failure(RefusalFailure(.incompatibleFamily))
            }
            guard let matches = policy.matches(media.rtpFormats, stream) else {
                return .failure(RefusalFailure(.noCommonCodec))
            }
            return .success(AcceptedMedia(stream: stream, remote: remote, matches: matches))
        }
    }
}

/// A line of an offer that a local stream takes.
private struct AcceptedMedia {
    let stream: StreamCapability
    let remote: RemoteMedia
    let direction: Direction
    let isMultiplexed: Bool
    let send: [RTPFormat]
    let receive: [RTPFormat]

    init(stream: StreamCapability, remote: RemoteMedia, matches: [AnswerPolicy.Match]) {
        self.stream = stream
        self.remote = remote
        direction = stream.direction.intersection(remote.direction.reversed)
        send = matches.map {
            RTPFormat(
                payloadType: $0.offered.payloadType, codec: $0.local.codec, parameters: $0.offered.parameters)
        }
        receive = matches.map { match in
            let redundancy = match.local.redundancy
            let primary = redundancy.flatMap { redundancy in matches.first { $0.local.codec == redundancy.codec } }
            let repeated = primary.flatMap { redundancy?.parameters($0.offered.payloadType) }
            return RTPFormat(
                payloadType: match.offered.payloadType, codec: match.local.codec,
                parameters: repeated ?? match.local.answeredParameters(to: match.offered.parameters))
        }
        let isFit = !matches.contains { StaticPayloadType.unfitForMultiplexing.contains($0.offered.payloadType) }
        isMultiplexed = stream.multiplexesRTCP && remote.media.isRTCPMultiplexed && isFit
    }

    var line: DescriptionComposer.MediaLine {
        let transport = remote.media.field.transport
        return DescriptionComposer.MediaLine(
            stream, family: remote.connection.family, transport: transport, formats: receive, direction: direction,
            multiplexesRTCP: isMultiplexed,
            reducesRTCP: stream.offersReducedSizeRTCP(over: transport) && remote.media.allowsReducedSizeRTCP)
    }

    func negotiated(_ index: Int) -> NegotiatedStream {
        NegotiatedStream(
            index: index, local: stream, localDirection: direction, isMultiplexed: isMultiplexed, remote: remote,
            send: send, receive: receive)
    }
}
