// targets: RTP

#if canImport(RTP)
    import RTP
#endif

/// Feeds one input to every reader of the network's octets in `RTP`. The first octet chooses nothing: each input goes to
/// all of them, so that one corpus serves RTP, RTCP and telephone events.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRTP(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    let bytes = input.bytes
    let kind = DatagramKind(bytes)
    if let header = try? RTPHeader(parsing: bytes) { exercise(header, bytes, kind) }
    for reduced in [false, true] {
        guard var compound = try? RTCPCompound(checking: bytes, allowsReducedSize: reduced) else { continue }
        while let packet = compound.next(in: bytes) { exercise(packet, bytes) }
    }
    return 0
}

private func exercise(_ header: RTPHeader, _ bytes: RawSpan, _ kind: DatagramKind) {
    precondition(header.payload.upperBound + header.paddingLength == bytes.byteCount)
    precondition(header.extensionData.upperBound <= bytes.byteCount)
    precondition(kind != .stun && kind != .dtls)
    for index in 0..<Int(header.contributingSourceCount) {
        precondition(header.contributingSource(at: index, in: bytes) != nil)
    }
    let now = ContinuousClock.now
    var receiver = RTPReceiver(first: header, at: now, clock: .narrowband)
    _ = receiver.receive(header, at: now)
    var events = TelephoneEventReceiver()
    events.receive(bytes.extracting(header.payload), header: header, at: now)
    events.noteAudio(timestamp: header.timestamp)
    while let report = events.nextReport() { _ = report }
}

private func exercise(_ packet: RTCPPacket, _ bytes: RawSpan) {
    switch packet {
    case .senderReport(let report): exercise(report.blocks, bytes)
    case .receiverReport(let report): exercise(report.blocks, bytes)
    case .sourceDescription(let description):
        var items = description.items
        while let item = items.next(in: bytes) { precondition(item.text.upperBound <= bytes.byteCount) }
        precondition(!items.isMalformed)
    case .goodbye(let goodbye):
        for index in 0..<goodbye.sourceCount { precondition(goodbye.source(at: index, in: bytes) != nil) }
        precondition((goodbye.reason?.upperBound ?? 0) <= bytes.byteCount)
    case .extendedReport(let report):
        // A block about another source than the reporter's is looked for in vain, or found.
        _ = report.metrics(about: report.ssrc, in: bytes)
        _ = report.metrics(about: 0, in: bytes)
    case .other(_, _, let body): precondition(body.upperBound <= bytes.byteCount)
    }
}

/// A block that is read and written again has the same octets.
private func exercise(_ blocks: ReportBlocks, _ bytes: RawSpan) {
    for index in 0..<blocks.count {
        guard let block = blocks.block(at: index, in: bytes) else { preconditionFailure("a block is missing") }
        let one = [block]
        var memory = [UInt8](repeating: 0, count: 64)
        var span = memory.mutableSpan
        var space = span.mutableBytes
        var writer = RTCPWriter()
        guard (try? writer.receiverReport(ssrc: 1, blocks: one.span, into: &space)) != nil else { return }
        let length = writer.length
        let written = memory.span.bytes.extracting(0..<length)
        guard var compound = try? RTCPCompound(checking: written),
            case .receiverReport(let report)? = compound.next(in: written)
        else { preconditionFailure("what was written is not read back") }
        precondition(report.blocks.block(at: 0, in: written) == block)
    }
}
