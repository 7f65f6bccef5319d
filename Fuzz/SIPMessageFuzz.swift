// targets: SIP

#if canImport(SIP)
    import SIP
#endif

/// Indexes the bytes, asks for everything that a message can be asked for, edits and answers it, and cuts it from a stream.
/// libFuzzer calls it; what it finds is a trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessage(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    cutFromStream(bytes)
    // The bytes stand alone in a block of their own, so that the sanitizer sees every read beside them.
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { block.deallocate() }
    block.copyBytes(from: bytes)
    var index = MessageIndex(capacity: 8)
    guard (try? index.parse(UnsafeRawBufferPointer(block))) != nil else {
        check((try? Message(bytes)) == nil, "a message took what its index refused")
        return 0
    }
    let view = index.view(of: UnsafeRawBufferPointer(block))
    checkRanges(view)
    readTypedHeaders(view)
    readLists(view)
    checkUnedited(view, bytes)
    forward(view)
    answer(view)
    let kept = Message(copying: view)
    check(kept.bytes == bytes && kept.defect == view.defect, "the copy is another message")
    kept.withView { check($0.validate() == view.validate(), "the copy is judged otherwise") }
    _ = (kept.allow, kept.date, kept.reasons, kept.warnings, kept.retryAfter, kept.body, kept["x-own"])
    return 0
}

/// Everything that was found is inside of the message, and fields come in order and do not overlap.
private func checkRanges(_ view: MessageView) {
    func inside(_ range: ByteRange) { check(range.upperBound <= view.count, "a range ends outside of the message") }
    let line = view.startLine
    for range in [line.methodRange, line.uriRange, line.reasonRange, line.versionRange, view.body] { inside(range) }
    check(view.headersEnd <= view.body.lowerBound, "the body starts within the header fields")
    var end = 0
    for i in 0..<view.fieldCount {
        let field = view.field(i)
        inside(field.nameRange)
        inside(field.valueRange)
        check(field.nameRange.lowerBound >= end, "two header fields overlap")
        check(field.nameRange.upperBound < field.valueRange.lowerBound, "a value starts within its name")
        end = view.fieldRange(i).upperBound
        check(field.valueRange.upperBound <= end, "a value ends behind its field")
        _ = view.unfolded(field)
    }
    check(end <= view.headersEnd, "a header field ends in the body")
}

private func readTypedHeaders(_ view: MessageView) {
    _ = (try? view.topVia, try? view.from, try? view.to, try? view.callID, try? view.cSeq, try? view.maxForwards)
    _ = (try? view.expires, try? view.contentLength, try? view.contentType, try? view.contentDisposition)
    _ = (try? view.date, try? view.retryAfter, try? view.timestamp, try? view.event, try? view.subscriptionState)
    _ = (try? view.rAck, try? view.rSeq, try? view.minExpires, view.tolerantExpires, view.allow)
    _ = (view.accepts("application", "sdp"), view.accepts(encoding: "gzip"), view.text(of: .subject))
    if let uri = try? view.requestURI { checkURI(view, uri, view.startLine.uriRange) }
    if let type = view.value(of: .contentType) {
        _ = try? Multipart(view.array(view.body), contentType: view.text(type))
    }
}

private func readLists(_ view: MessageView) {
    for raw in 1...UInt8(HeaderName.count) {
        let name = HeaderName(rawValue: raw)
        for value in view.values(of: name) {
            check(value.upperBound <= view.count, "a value ends outside of the message")
            readValue(view, value)
        }
        _ = view.optionTags(name)
    }
}

private func readValue(_ view: MessageView, _ value: ByteRange) {
    if let via = try? view.via(value) {
        for range in [via.host, via.sentBy, via.branch, via.received, via.maddr, via.parameters, via.rportRange] {
            check(range.isEmpty || isInside(range, value), "a part of a Via is outside of it")
        }
    }
    if let contact = try? view.contact(value) {
        let address = contact.address
        for range in [address.displayName, address.uri, address.parameters, address.tag] {
            check(range.isEmpty || isInside(range, value), "a part of an address is outside of it")
        }
        check((0...1_000).contains(contact.quality), "a weight is outside of its range")
        if let uri = try? view.uri(address.uri) { checkURI(view, uri, address.uri) }
        _ = try? NameAddress(view, value)
    }
    if let type = try? view.mediaType(value) { _ = MediaType(view, type) }
    if let warning = try? view.warning(value) { _ = Warning(view, warning).description }
    if let reason = try? view.reason(value) { _ = Reason(view, reason).description }
    _ = (try? view.preference(value), try? view.eventType(value))
}

private func checkURI(_ view: MessageView, _ uri: URIIndex, _ whole: ByteRange) {
    for range in [uri.user, uri.password, uri.host, uri.parameters, uri.headers] {
        check(range.isEmpty || isInside(range, whole), "a part of a URI is outside of it")
    }
    if let kept = try? URI(view, whole) { _ = (kept.isEquivalent(to: kept), kept.addressOfRecord) }
}

private func isInside(_ part: ByteRange, _ whole: ByteRange) -> Bool {
    part.lowerBound >= whole.lowerBound && part.upperBound <= whole.upperBound
}

private func checkUnedited(_ view: MessageView, _ bytes: [UInt8]) {
    var writer = ByteWriter()
    MessageEditor().write(view, into: &writer)
    check(writer.bytes.elementsEqual(bytes), "a message without edits is not written as it came")
}

/// Edits a sound message as a proxy does; what comes out is sound again.
private func forward(_ view: MessageView) {
    guard view.isRequest, view.validate() == nil else { return }
    var editor = MessageEditor()
    editor.push(.via, of: view) { $0.append("SIP/2.0/UDP proxy.example;branch=z9hG4bKfuzz") }
    editor.push(.recordRoute, of: view) { $0.append("<sip:proxy.example;lr>") }
    editor.set(.maxForwards, of: view) { $0.append(decimal: 9) }
    editor.replace(view.startLine.uriRange) { $0.append("sip:next.example") }
    editor.popFirstValue(.route, of: view)
    editor.add(.reason, of: view) { $0.append("SIP;cause=200") }
    var writer = ByteWriter()
    editor.write(view, into: &writer)
    guard let forwarded = try? Message(writer.bytes, limits: MessageLimits(messageSize: .max, headerFieldCount: .max))
    else {
        fatalError("a forwarded message is none")  // This is how libFuzzer is told.
    }
    forwarded.withView { result in
        check(
            result.validate() == nil, "a forwarded message has a defect: \(result.validate().map(\.description) ?? "")")
        check((try? result.maxForwards) == 9, "Max-Forwards was not set")
        check(result.bytes(result.body).elementsEqual(view.bytes(view.body)), "the body changed")
        check(result.fieldCount(of: .other) == view.fieldCount(of: .other), "an unknown header field was lost")
    }
}

private func answer(_ view: MessageView) {
    guard view.isRequest else { return }
    let source: [UInt8] = Array("192.0.2.7".utf8)
    var writer = ByteWriter()
    source.withUnsafeBytes { text in
        view.beginResponse(
            .init(486, toTag: 0xAB, copiesRecordRoute: true, received: text, receivedPort: 5_062), into: &writer)
    }
    view.writeUnsupported(.require, supported: [.reliableProvisional], into: &writer)
    MessageView.endResponse(into: &writer)
    guard let response = try? Message(writer.bytes, limits: MessageLimits(messageSize: .max, headerFieldCount: .max))
    else {
        fatalError("an answer is no message")  // This is how libFuzzer is told.
    }
    check(response.statusCode == 486, "the answer has another status")
    check(response.body.isEmpty, "the answer has a body")
    if view.validate() == nil, view.fieldCount < 400 {
        response.withView { check($0.validate() == nil, "the answer to a sound request has a defect") }
    }
}

/// A framer takes any bytes, and cuts the same frames wherever the stream is cut.
private func cutFromStream(_ bytes: [UInt8]) {
    func frames(step: Int, takesPongs: Bool = false) -> ([StreamFramer.Frame], Bool) {
        var framer = StreamFramer(takesPongs: takesPongs)
        var found: [StreamFramer.Frame] = []
        var at = 0
        while at < bytes.count {
            let next = min(bytes.count, at + step)
            framer.append(Array(bytes[at..<next]))
            at = next
            do throws(MessageDefect) {
                while let frame = try framer.next() { found.append(frame) }
            } catch {
                _ = framer.rejectedHead
                return (found, false)
            }
        }
        check(framer.pendingByteCount <= bytes.count, "more bytes wait than came")
        return (found, true)
    }
    guard !bytes.isEmpty else { return }
    let whole = frames(step: bytes.count)
    let pieces = frames(step: 7)
    check(whole.0 == pieces.0 && whole.1 == pieces.1, "the frames depend on where the stream is cut")
    // What line ends mean to one who sends pings depends on the cuts; what is between them does not.
    func messages(_ frames: [StreamFramer.Frame]) -> [StreamFramer.Frame] {
        frames.filter { if case .message = $0 { true } else { false } }
    }
    for step in [bytes.count, 7, 1] {
        let found = frames(step: step, takesPongs: true)
        check(messages(found.0) == messages(whole.0) && found.1 == whole.1, "a pong changes the messages around it")
    }
}
