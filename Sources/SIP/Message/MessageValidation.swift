// What every element checks before it acts on a message (RFC 3261 §8.2.2, §16.3, §18.3; RFC 4475).
extension MessageView {
    /// Looks for what makes a message unfit to be acted on; nil when all is well.
    ///
    /// Checked are: what indexing found, the version, the Request-URI, presence and uniqueness of the mandatory headers,
    /// the grammar of Via, From, To, Call-ID and CSeq, and in requests that of Contact, Route, Record-Route and
    /// Max-Forwards and that CSeq names the request's method. Header fields that an element does not act on are none of
    /// its business and not looked at; a malformed Expires says the default (RFC 3261 §10.2.1, RFC 4475 §3.1.2.4).
    public func validate() -> MessageDefect? {
        if let defect { return defect }
        do throws(MessageDefect) {
            try validateStartLine()
            try validateFields()
            return nil
        } catch {
            return error
        }
    }

    private func validateStartLine() throws(MessageDefect) {
        guard startLine.isVersion2 else {
            throw MessageDefect(.version, "The version is not SIP/2.0", status: 505)
        }
        guard isRequest else { return }
        let uri = try requestURI
        // RFC 3261 §19.1.1, table 1, and RFC 4475 §3.1.2.11.
        guard uri.headers.isEmpty else { throw MessageDefect(.uri, "The Request-URI holds header fields") }
    }

    private func validateFields() throws(MessageDefect) {
        var seen = HeaderNameSet()
        let isRequest = isRequest
        for i in 0..<fieldCount {
            let field = fields[i]
            let name = field.name
            let isNew = seen.insert(name)
            if !isNew, name.isSingle {
                throw MessageDefect(
                    .repeatedHeader, "The header field may stand in a message once only", header: name)
            }
            switch name {
            case .via: try validateVias(field.valueRange, isTop: isNew)
            case .from, .to: try validateAddress(field.valueRange, name)
            case .callID: try validateCallID(field.valueRange)
            case .cSeq: try validateCSeq(CSeqIndex(base, field.valueRange))
            case .contact, .route, .recordRoute:
                if isRequest { try validateAddresses(field.valueRange, name) }
            case .maxForwards:
                if isRequest { _ = try maxForwards }
            default: continue
            }
        }
        guard !seen.insert(.via) else { throw Self.missing(.via) }
        guard !seen.insert(.from) else { throw Self.missing(.from) }
        guard !seen.insert(.to) else { throw Self.missing(.to) }
        guard !seen.insert(.callID) else { throw Self.missing(.callID) }
        guard !seen.insert(.cSeq) else { throw Self.missing(.cSeq) }
    }

    private func validateCallID(_ value: ByteRange) throws(MessageDefect) {
        guard !value.isEmpty else { throw Self.missing(.callID) }
        for byte in bytes(value) where byte <= 0x20 || byte == 0x7F {
            throw MessageDefect(.headerValue, "Call-ID holds white space or a control character", header: .callID)
        }
    }

    private func validateCSeq(_ cSeq: CSeqIndex) throws(MessageDefect) {
        guard isRequest else { return }
        if cSeq.method == method {
            if method != .unknown || bytes(cSeq.methodRange).elementsEqual(bytes(startLine.methodRange)) { return }
        }
        // The sender of an unknown method is better told that it is unknown (RFC 4475 §3.1.2.18).
        throw MessageDefect(
            .methodMismatch, "The method of CSeq is not that of the request", header: .cSeq,
            status: method == .unknown ? 501 : 400)
    }

    private func validateVias(_ field: ByteRange, isTop: Bool) throws(MessageDefect) {
        var values = ValueSplitter(base, field)
        var isTop = isTop
        guard !field.isEmpty else { throw Self.emptyValue(.via) }
        while let value = values.next() {
            let via = try ViaIndex(base, value)
            if isTop { try validateTopVia(via) }
            isTop = false
        }
    }

    private func validateTopVia(_ via: ViaIndex) throws(MessageDefect) {
        guard via.isVersion2 else {
            throw MessageDefect(.headerValue, "The topmost Via is not of SIP/2.0", header: .via)
        }
        // A magic cookie and nothing behind it names no transaction (RFC 4475 §3.2.1).
        guard !equalIgnoringCase(base, via.branch, "z9hg4bk") else {
            throw MessageDefect(.headerValue, "The branch has no identifier behind its cookie", header: .via)
        }
    }

    private func validateAddresses(_ field: ByteRange, _ name: HeaderName) throws(MessageDefect) {
        var values = ValueSplitter(base, field)
        guard !field.isEmpty else { throw Self.emptyValue(name) }
        while let value = values.next() { try validateAddress(value, name) }
    }

    private func validateAddress(_ value: ByteRange, _ name: HeaderName) throws(MessageDefect) {
        do throws(MessageDefect) {
            let address = try AddressIndex(base, value)
            if address.isWildcard {
                guard name == .contact else { throw MessageDefect(.headerValue, "\"*\" is no address here") }
            } else {
                _ = try URIIndex(base, address.uri)
            }
        } catch {
            throw error.located(in: name)
        }
    }

    private static func emptyValue(_ name: HeaderName) -> MessageDefect {
        MessageDefect(.headerValue, "The header field has no value", header: name)
    }
}
