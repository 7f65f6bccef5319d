// Building responses from the request they answer (RFC 3261 §8.2.6).
extension MessageView {
    /// What a response says beyond the fields that it copies.
    public struct ResponseHead {
        /// The status.
        public var status: StatusCode
        /// The reason phrase, when not the registered one.
        public var reason: StaticString?
        /// The To tag to add when the request has none; not added to a 100.
        public var toTag: UInt64?
        /// Whether Record-Route is copied, as in responses that make a dialog (RFC 3261 §12.1.1).
        public var copiesRecordRoute: Bool
        /// Where the request came from, as text of the IP address: written as `received` when sent-by differs.
        public var received: UnsafeRawBufferPointer?
        /// The port the request came from, to fill an `rport` (RFC 3581 §4); 0 leaves it.
        public var receivedPort: UInt16
        /// What the client is told about how much to send; nil when it takes no part in that (RFC 7339 §5.2).
        public var overload: OverloadFeedback?

        public init(
            _ status: StatusCode, reason: StaticString? = nil, toTag: UInt64? = nil, copiesRecordRoute: Bool = false,
            received: UnsafeRawBufferPointer? = nil, receivedPort: UInt16 = 0, overload: OverloadFeedback? = nil
        ) {
            self.status = status
            self.reason = reason
            self.toTag = toTag
            self.copiesRecordRoute = copiesRecordRoute
            self.received = received
            self.receivedPort = receivedPort
            self.overload = overload
        }
    }

    /// Writes the status line and the copied fields; the caller adds its own fields and ends with `endResponse`.
    ///
    /// Fields that the request lacks, or whose value is malformed, are copied or left out as they are, so that a broken
    /// request still gets its 400.
    public func beginResponse(_ head: ResponseHead, into writer: inout ByteWriter) {
        Self.writeStatusLine(head.status, head.reason, into: &writer)
        var isTop = true
        for i in 0..<fieldCount {
            let field = fields[i]
            switch field.name {
            case .via:
                writer.append("Via: ")
                if isTop, head.received != nil {
                    writeTopVia(field.valueRange, head, into: &writer)
                } else {
                    appendUnfolded(field, into: &writer)
                }
                isTop = false
            case .recordRoute where head.copiesRecordRoute:
                writer.append("Record-Route: ")
                appendUnfolded(field, into: &writer)
            case .from:
                writer.append("From: ")
                appendUnfolded(field, into: &writer)
            case .callID:
                writer.append("Call-ID: ")
                appendUnfolded(field, into: &writer)
            case .cSeq:
                writer.append("CSeq: ")
                appendUnfolded(field, into: &writer)
            case .to:
                writer.append("To: ")
                appendUnfolded(field, into: &writer)
                if let tag = head.toTag, head.status != 100, let to = try? AddressIndex(base, field.valueRange),
                    to.tag.isEmpty
                {
                    writer.append(";tag=")
                    writer.append(hexadecimal: tag)
                }
            case .timestamp where head.status == 100:
                writer.append("Timestamp: ")
                appendUnfolded(field, into: &writer)
            default: continue
            }
            writer.append("\r\n")
        }
    }

    /// Ends a response without a body.
    public static func endResponse(into writer: inout ByteWriter) {
        writer.append("Content-Length: 0\r\n\r\n")
    }

    /// Writes `SIP/2.0 status reason`.
    public static func writeStatusLine(
        _ status: StatusCode, _ reason: StaticString? = nil, into writer: inout ByteWriter
    ) {
        writer.append("SIP/2.0 ")
        writer.append(decimal: UInt64(status.rawValue))
        writer.append(0x20 as UInt8)
        writer.append(reason ?? status.reasonPhrase)
        writer.append("\r\n")
    }

    /// Appends a value; line ends of folds become spaces, which says the same (RFC 3261 §7.3.1).
    private func appendUnfolded(_ field: HeaderField, into writer: inout ByteWriter) {
        guard field.isFolded else { return writer.append(bytes(field.valueRange)) }
        for byte in bytes(field.valueRange) { writer.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
    }

    /// The topmost Via with `received` and `rport` as RFC 3261 §18.2.1 and RFC 3581 §4 want them.
    private func writeTopVia(_ value: ByteRange, _ head: ResponseHead, into writer: inout ByteWriter) {
        var values = HeaderValues(self, .via)
        guard let received = head.received, let first = values.next(), let via = try? ViaIndex(base, first) else {
            return writer.append(bytes(value))
        }
        writeVia(via, received: received, port: head.receivedPort, into: &writer)
        head.overload?.write(into: &writer)
        // Further values of the same field stay as they are.
        if first.upperBound < value.upperBound { writer.append(bytes(ByteRange(first.upperBound, value.upperBound))) }
    }

    /// A Via value with where its request came from.
    ///
    /// `received` is added when sent-by's host is another than the source, or when `rport` was asked for; both replace
    /// what stood there, so that nobody can claim an address. Parameters of overload control go no further than to a
    /// neighbour, and are left out.
    public func writeVia(
        _ via: ViaIndex, received: UnsafeRawBufferPointer, port: UInt16, into writer: inout ByteWriter
    ) {
        guard !via.hasOverloadControl else {
            return writeViaWithoutOverload(via, source: (received, port), into: &writer)
        }
        var at = via.whole.lowerBound
        var hasReceived = false
        func copyUp(to end: Int) {
            writer.append(bytes(ByteRange(at, end)))
        }
        func writeRport() {
            guard via.hasRport, port != 0 else { return }
            copyUp(to: via.rportRange.lowerBound)
            writer.append("rport=")
            writer.append(decimal: UInt64(port))
            at = via.rportRange.upperBound
        }
        func writeReceived() {
            // A value that was there is replaced in any case (RFC 3261 §18.2.1).
            guard !via.received.isEmpty else { return }
            copyUp(to: via.received.lowerBound)
            writer.append(received)
            at = via.received.upperBound
            hasReceived = true
        }
        if via.received.start < via.rportRange.start {
            writeReceived()
            writeRport()
        } else {
            writeRport()
            writeReceived()
        }
        copyUp(to: via.whole.upperBound)
        if !hasReceived, via.hasRport || !hostEquals(via.host, received) {
            writer.append(";received=")
            writer.append(received)
        }
    }

    /// Whether a host of a message is that address text; brackets around IPv6 are put aside.
    func hostEquals(_ host: ByteRange, _ text: UnsafeRawBufferPointer) -> Bool {
        var range = host
        if !range.isEmpty, base[range.lowerBound] == UInt8(ascii: "[") {
            range = ByteRange(host.lowerBound + 1, host.upperBound - 1)
        }
        return equalIgnoringCase(bytes(range), text)
    }
}
