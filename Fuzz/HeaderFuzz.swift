// targets: SIP
// sources: Sources/Routing/CallerPreferences/*.swift Sources/Proxy/History/HistoryEntry.swift

#if canImport(SIP)
    import SIP
#endif

/// Reads the bytes as the value of a header field that the first byte chooses, by whoever reads that field, and compares what was
/// made of it. libFuzzer calls it; what it finds is a trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHeader(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let value = Array(bytes.dropFirst())
    let text = String(decoding: value, as: UTF8.self)
    switch first % 8 {
    case 0: readInMessage("Event", value) { _ = (try? $0.event, try? $0.subscriptionState) }
    case 1: readInMessage("RAck", value) { _ = (try? $0.rAck, try? $0.rSeq) }
    case 2: readInMessage("Session-Expires", value) { _ = (try? $0.sessionExpires, try? $0.minimumSessionExpires) }
    case 3: readReferences(text)
    case 4: readReferTarget(text, value)
    case 5: readDigest(value)
    case 6: readPreferences(value)
    default: readHistory(value)
    }
    return 0
}

/// A request with one header field more; what makes no message is none of this target's business.
private func readInMessage(_ name: String, _ value: [UInt8], _ read: (MessageView) -> Void) {
    let head = "SUBSCRIBE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\(name): "
    guard let message = try? Message(Array(head.utf8) + value + Array("\r\n\r\n".utf8)) else { return }
    message.withView(read)
}

private func readReferences(_ text: String) {
    if let reference = try? DialogReference(text) {
        check((try? DialogReference(reference.description)) == reference, "a Replaces is not read as it was written")
    }
    _ = try? DialogReference(targetDialog: text)
}

private func readReferTarget(_ text: String, _ bytes: [UInt8]) {
    if let target = try? ReferTarget(text) { _ = (target.uri.description, target.replaces, target.join) }
    _ = StatusFragment(bytes)
}

private func readDigest(_ value: [UInt8]) {
    value.withUnsafeBytes { bytes in
        if let challenge = try? DigestChallenge.parse(bytes) { _ = challenge.hashValue }
        if let credentials = try? DigestCredentials.parse(bytes) { _ = credentials.hashValue }
        let issuer = NonceIssuer(key: SipHash(key: 1, 2), epoch: .now)
        _ = issuer.examine(bytes, realm: Array("realm".utf8), now: .now)
    }
}

private func readPreferences(_ value: [UInt8]) {
    for name in ["Accept-Contact", "Reject-Contact", "Request-Disposition"] {
        readInMessage(name, value) { view in
            let chosen = CallerPreferences(view).choose(among: [value, [], Array(";audio;methods=\"INVITE\"".utf8)])
            check(chosen.allSatisfy { (0..<3).contains($0.index) }, "a contact was chosen that is not there")
            _ = RequestDisposition(view)
        }
    }
}

private func readHistory(_ value: [UInt8]) {
    readInMessage("History-Info", value) { view in
        for range in view.values(of: .historyInfo) {
            check(range.upperBound <= view.count, "a value ends outside of the message")
            guard let entry = HistoryEntry(view, range) else { continue }
            check(!entry.index.isEmpty, "an entry has no index")
        }
    }
}
