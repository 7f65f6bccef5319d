import SIP

/// Tells a loop from a spiral (RFC 3261 §16.3 step 4, RFC 5393 §4.2.1).
///
/// The branch of each request that we forward ends in a hash of all that decides where it goes. A request that comes back
/// with a Via of ours and the same hash has looped; with another one it spirals, which is allowed.
enum LoopDetection {
    /// The hash of what decides the way of a request: Request-URI, Call-ID, tags, CSeq number, Route, Proxy-Require.
    static func hash(_ view: MessageView, key: SipHash) -> UInt64 {
        // Each part is a piece of the message, and apart from the tags none overlaps another.
        withUnsafeTemporaryAllocation(byteCount: 2 * view.count + view.fieldCount + 32, alignment: 8) { memory in
            var writer = ByteWriter(into: memory)
            func add(_ range: ByteRange) {
                writer.append(view.bytes(range))
                writer.append(0 as UInt8)
            }
            add(view.startLine.uriRange)
            if let callID = view.value(of: .callID) { add(callID) }
            if let from = try? view.from { add(from.tag) }
            if let to = try? view.to { add(to.tag) }
            if let cSeq = try? view.cSeq { withUnsafeBytes(of: cSeq.number) { writer.append($0) } }
            for i in 0..<view.fieldCount {
                let field = view.field(i)
                if field.name == .route || field.name == .proxyRequire { add(field.valueRange) }
            }
            // Zero would mean that there is no hash.
            return key(writer.bytes).1 | 1
        }
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
            let isEqual = withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { memory in
                var writer = ByteWriter(into: memory)
                writer.append(hexadecimal: hash)
                return branch.suffix(16).elementsEqual(writer.bytes)
            }
            if isEqual { return true }
        }
        return false
    }
}
