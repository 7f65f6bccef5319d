import SIP

/// Tells a loop from a spiral (RFC 3261 §16.3 step 4, RFC 5393 §4.2.1).
///
/// The branch of each request that we forward ends in a hash of all that decides where it goes. A request that comes back
/// with a Via of ours and the same hash has looped; with another one it spirals, which is allowed.
enum LoopDetection {
    /// The hash of what decides the way of a request: Request-URI, Call-ID, tags, CSeq number, Route, Proxy-Require.
    static func hash(_ view: MessageView, key: SipHash) -> UInt64 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        func add(_ range: ByteRange) {
            bytes.append(contentsOf: view.bytes(range))
            bytes.append(0)
        }
        add(view.startLine.uriRange)
        if let callID = view.value(of: .callID) { add(callID) }
        if let from = try? view.from { add(from.tag) }
        if let to = try? view.to { add(to.tag) }
        if let cSeq = try? view.cSeq { withUnsafeBytes(of: cSeq.number) { bytes.append(contentsOf: $0) } }
        for i in 0..<view.fieldCount {
            let field = view.field(i)
            if field.name == .route || field.name == .proxyRequire { add(field.valueRange) }
        }
        // Zero would mean that there is no hash.
        return bytes.withUnsafeBytes { key($0).1 } | 1
    }

    /// Whether a Via of ours carries that hash.
    static func isLoop(_ view: MessageView, hash: UInt64, isOurs: (ViaIndex) -> Bool) -> Bool {
        var values = view.values(of: .via)
        // The topmost Via is the sender's.
        _ = values.next()
        while let value = values.next() {
            guard let via = try? view.via(value), isOurs(via) else { continue }
            let branch = view.bytes(via.branch)
            guard branch.count > 17, branch[branch.count - 17] == UInt8(ascii: ".") else { continue }
            var writer = ByteWriter(capacity: 64)
            writer.append(hexadecimal: hash)
            if branch.suffix(16).elementsEqual(writer.bytes) { return true }
        }
        return false
    }
}
