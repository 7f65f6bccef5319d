// What every element checks before it acts on a message (RFC 3261 §8.2.2, §16.3, §18.3; RFC 4475).
extension MessageView {
    /// Looks for what makes a message unfit to be acted on; nil when all is well.
    ///
    /// Checked are: version, start line's URI, presence and uniqueness of the mandatory headers, the grammar of Via, From,
    /// To, Call-ID, CSeq, Contact, Route, Record-Route, Max-Forwards, Expires and Content-Length, and that CSeq names
    /// the request's method. Header fields that an element does not act on are none of its business and not looked at.
    public func validate() -> MessageDefect? {
        do throws(MessageDefect) {
            try validateStartLine()
            try validateOccurrence()
            try validateValues()
            return nil
        } catch {
            return error
        }
    }

    private func validateStartLine() throws(MessageDefect) {
        guard startLine.isVersion2 else {
            throw MessageDefect(.version, "The version is not SIP/2.0", status: 505)
        }
        if isRequest { _ = try requestURI }
    }

    private func validateOccurrence() throws(MessageDefect) {
        var seen: (UInt64, UInt64) = (0, 0)
        for i in 0..<fieldCount {
            let name = fields[i].name
            guard name.rawValue != 0, name.rawValue < 128, name.isSingle else { continue }
            let bit: UInt64 = 1 << UInt64(name.rawValue & 63)
            if name.rawValue < 64 {
                if seen.0 & bit != 0 { throw Self.repeated(name) }
                seen.0 |= bit
            } else {
                if seen.1 & bit != 0 { throw Self.repeated(name) }
                seen.1 |= bit
            }
        }
    }

    private static func repeated(_ name: HeaderName) -> MessageDefect {
        MessageDefect(.repeatedHeader, "The header field may stand in a message once only", header: name)
    }

    private func validateValues() throws(MessageDefect) {
        var hasVia = false
        var hasFrom = false
        var hasTo = false
        var hasCallID = false
        var hasCSeq = false
        for i in 0..<fieldCount {
            let field = fields[i]
            switch field.name {
            case .from:
                hasFrom = true
                try validateAddress(field)
            case .to:
                hasTo = true
                try validateAddress(field)
            case .callID:
                hasCallID = true
                guard field.valueCount > 0 else { throw Self.missing(.callID) }
            case .cSeq:
                hasCSeq = true
                try validateCSeq(CSeqIndex(base, field.valueRange))
            case .maxForwards: _ = try maxForwards
            case .contentLength: _ = try contentLength
            case .expires: _ = try expires
            case .via: hasVia = true
            default: continue
            }
        }
        try validateLists()
        guard hasVia else { throw Self.missing(.via) }
        guard hasFrom else { throw Self.missing(.from) }
        guard hasTo else { throw Self.missing(.to) }
        guard hasCallID else { throw Self.missing(.callID) }
        guard hasCSeq else { throw Self.missing(.cSeq) }
    }

    private func validateCSeq(_ cSeq: CSeqIndex) throws(MessageDefect) {
        guard isRequest else { return }
        let same =
            cSeq.method == method
            && (method != .unknown || array(cSeq.methodRange) == array(startLine.methodRange))
        // An unknown method would get 501 anyway, and its sender is told the nearer cause (RFC 4475 §3.1.2.18).
        guard same else {
            throw MessageDefect(.methodMismatch, "The method of CSeq is not that of the request", header: .cSeq)
        }
    }

    private func validateAddress(_ field: HeaderField) throws(MessageDefect) {
        do throws(MessageDefect) {
            let address = try AddressIndex(base, field.valueRange)
            guard !address.isWildcard else {
                throw MessageDefect(.headerValue, "\"*\" is no address here")
            }
            _ = try URIIndex(base, address.uri)
        } catch {
            var located = error
            located.header = field.name
            throw located
        }
    }

    private func validateLists() throws(MessageDefect) {
        var isFirst = true
        var vias = values(of: .via)
        while let value = vias.next() {
            let via = try ViaIndex(base, value)
            if isFirst, !via.isVersion2 {
                throw MessageDefect(.headerValue, "The topmost Via is not of SIP/2.0", header: .via)
            }
            isFirst = false
        }
        try validateAddresses(.contact)
        try validateAddresses(.route)
        try validateAddresses(.recordRoute)
    }

    private func validateAddresses(_ name: HeaderName) throws(MessageDefect) {
        var all = values(of: name)
        while let value = all.next() {
            do throws(MessageDefect) {
                let address = try AddressIndex(base, value)
                if !address.isWildcard { _ = try URIIndex(base, address.uri) }
            } catch {
                var located = error
                located.header = name
                throw located
            }
        }
    }
}
