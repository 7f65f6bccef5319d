extension OfferAnswer {
    /// Makes an offer, the first or a later one (RFC 3264 §5, §8).
    ///
    /// A stream keeps its `m=` line as long as the capabilities hold its identifier. One that is gone is offered with
    /// port zero; a new one takes a line of its media type that is not in use, or is added at the end: the number of lines
    /// never shrinks.
    ///
    /// - Throws: `.glare` or `.offerPending` when the state is not stable, `.invalidCapabilities`.
    public mutating func makeOffer(
        _ capabilities: MediaCapabilities
    ) throws(OfferAnswerError) -> SessionDescription {
        try requireStable()
        try require(distinctStreamsIn: capabilities)
        let slots = agreement?.slots ?? []
        let streams = place(capabilities.streams.filter(\.isUsable))
        reserveLines(streams.count)
        var lines: [SentOffer.Line?] = []
        for (index, stream) in streams.enumerated() {
            let isKept = index < slots.count && slots[index] != nil
            lines.append(try stream.map { stream throws(OfferAnswerError) in try offeredLine(stream, index, isKept) })
        }
        var written = lines.enumerated().map { mediaLine($0.element, $0.offset) }
        let group = identify(&written, streams, bundles: capabilities.bundles)
        let description = compose(written, attributes: [group?.attribute].compactMap { $0 } + capabilities.attributes)
        phase = .offerSent(SentOffer(description: description, lines: lines))
        return description
    }

    /// The stream of each `m=` line, and behind those the streams that need new lines.
    private func place(_ usable: [StreamCapability]) -> [StreamCapability?] {
        guard let agreement else { return usable }
        var added = usable.filter { !agreement.slots.contains($0.id) }
        let placed = zip(agreement.slots, agreement.local.media).map { slot, line -> StreamCapability? in
            if let slot { return usable.first { $0.id == slot } }
            return added.firstIndex { $0.media == line.media }.map { added.remove(at: $0) }
        }
        return placed + added
    }

    private mutating func offeredLine(
        _ stream: StreamCapability, _ index: Int, _ isKept: Bool
    ) throws(OfferAnswerError) -> SentOffer.Line {
        if !isKept { payloadTypes[index] = PayloadTypeTable() }
        guard let formats = payloadTypes[index].assign(stream.formats) else {
            throw OfferAnswerError(.invalidCapabilities, "there are more formats than payload types")
        }
        payloadTypes[index].bind(formats)
        return SentOffer.Line(stream: stream, direction: offeredDirection(stream, index, isKept), formats: formats)
    }

    /// Who puts a peer on hold that holds already offers `inactive` (RFC 3264 §8.4).
    private func offeredDirection(_ stream: StreamCapability, _ index: Int, _ isKept: Bool) -> Direction {
        guard isKept, stream.direction == .sendonly, let remote = agreement?.remote else { return stream.direction }
        return remote.direction(of: remote.media[index]).receives ? .sendonly : .inactive
    }

    /// Names lines as they were named before; new ones only where they are bundled.
    ///
    /// - Returns: the group of those that share one transport; nil when none do.
    private func identify(
        _ lines: inout [DescriptionComposer.MediaLine], _ streams: [StreamCapability?], bundles: Bool
    ) -> MediaGroup? {
        let known = agreement?.local.media.map(\.identification) ?? []
        var tags: [ByteString] = []
        for index in lines.indices {
            var tag = index < known.count ? known[index] : nil
            if tag == nil, bundles, let stream = streams[index] {
                let name = ByteString(unchecked: ArraySlice("\(stream.id)".utf8))
                if !known.contains(name) { tag = name }
            }
            lines[index].identify(by: tag)
            if let tag { tags.append(tag) }
        }
        guard bundles || agreement?.local.groups.contains(where: \.isBundle) ?? false else { return nil }
        return DescriptionComposer.bundle(tags, of: lines)
    }

    private func mediaLine(_ line: SentOffer.Line?, _ index: Int) -> DescriptionComposer.MediaLine {
        if let line {
            let transport = transport(of: line.stream, index)
            return DescriptionComposer.MediaLine(
                line.stream, transport: transport, formats: line.formats, direction: line.direction,
                multiplexesRTCP: line.stream.multiplexesRTCP,
                reducesRTCP: line.stream.offersReducedSizeRTCP(over: transport))
        }
        // A line without a stream was in an earlier description, so there is an agreement.
        guard let local = agreement?.local, index < local.media.count else {
            preconditionFailure("an unused m= line that was never offered")
        }
        return DescriptionComposer.MediaLine(unused: local.media[index].field)
    }

    /// The transport that is in use on a line, if the stream still understands it; else its first.
    private func transport(of stream: StreamCapability, _ index: Int) -> ByteString {
        let used = streams.first { $0.id == stream.id && $0.index == index }?.transport
        if let used, stream.transports.contains(used) { return used }
        return stream.transports.first ?? "RTP/AVP"
    }

    /// Takes the answer to our offer (RFC 3264 §7).
    ///
    /// - Returns: The streams in use; empty if the peer refused all.
    /// - Throws: `.noOffer` when there is nothing to answer, `.mismatchedAnswer` when the answer does not fit the offer,
    ///   which is then rolled back.
    @discardableResult
    public mutating func receiveAnswer(
        _ answer: SessionDescription
    ) throws(OfferAnswerError) -> [NegotiatedStream] {
        guard case .offerSent(let offer) = phase else {
            throw OfferAnswerError(.noOffer, "no offer of ours waits for an answer")
        }
        phase = .stable
        guard answer.media.count == offer.lines.count else {
            throw OfferAnswerError(
                .mismatchedAnswer,
                "the answer has \(answer.media.count) m= lines, the offer \(offer.lines.count)")
        }
        var agreed = Agreement(local: offer.description, remote: answer, slots: [], streams: [], refused: [])
        for (index, line) in offer.lines.enumerated() {
            if let line, answer.media[index].port != 0 {
                agreed.streams.append(try stream(line, index, offer, answer))
                agreed.slots.append(line.stream.id)
                continue
            }
            let field = offer.description.media[index].field
            agreed.slots.append(nil)
            agreed.refused.append(
                RefusedMedia(
                    index: index, media: field.media, transport: field.transport,
                    reason: line == nil ? .disabled : .refusedByPeer))
        }
        agreement = agreed
        return agreed.streams
    }

    private func stream(
        _ line: SentOffer.Line, _ index: Int, _ offer: SentOffer, _ answer: SessionDescription
    ) throws(OfferAnswerError) -> NegotiatedStream {
        func mismatch(_ reason: String) -> OfferAnswerError {
            OfferAnswerError(.mismatchedAnswer, "m= line \(index + 1) of the answer \(reason)")
        }
        let offered = offer.description.media[index]
        let field = answer.media[index].field
        guard field.media.equalsIgnoringCase(offered.field.media) else {
            throw mismatch("is \(field.media) where \(offered.field.media) was offered")
        }
        guard field.transport.equalsIgnoringCase(offered.field.transport) else {
            throw mismatch("uses \(field.transport) where \(offered.field.transport) was offered")
        }
        let remote: RemoteMedia
        switch RemoteMedia.find(index, in: answer) {
        case .success(let found): remote = found
        case .failure(let failure): throw mismatch("cannot be used: \(failure.reason.rawValue)")
        }
        let send = remote.media.rtpFormats(assuming: line.formats).compactMap { format in
            line.stream.formats.first { $0.matches(format) }.map {
                RTPFormat(payloadType: format.payloadType, codec: $0.codec, parameters: format.parameters)
            }
        }
        guard send.contains(where: { !$0.codec.isAncillary }) || !line.stream.hasPrimaryFormat && !send.isEmpty else {
            throw mismatch("has none of the codecs that were offered")
        }
        return NegotiatedStream(
            index: index, local: line.stream, localDirection: line.direction,
            isMultiplexed: offered.isRTCPMultiplexed && remote.media.isRTCPMultiplexed, remote: remote, send: send,
            receive: line.formats)
    }
}
