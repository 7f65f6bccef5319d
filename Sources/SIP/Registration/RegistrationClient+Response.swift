/// What a registrar's answer tells.
extension RegistrationClient {
    /// How long the registrar keeps the contact; nil if it lists others, but not this one (RFC 3261 §10.2.4).
    func grantedExpires(_ response: MessageView) -> Duration? {
        let general = (try? response.expires).flatMap { $0 }.map { Duration.seconds($0) }
        var values = response.values(of: .contact)
        var isListed = false
        while let value = values.next() {
            isListed = true
            guard let address = try? response.address(value), let uri = try? URI(response, address.uri),
                uri.isEquivalent(to: configuration.contact)
            else { continue }
            guard let parameter = response.parameters(address.parameters).first("expires") else {
                return general ?? requestedExpires
            }
            // A malformed value counts as one hour (RFC 3261 §10.2).
            return .seconds(response.number(parameter.value, maximum: UInt64(UInt32.max)) ?? 3600)
        }
        // Some registrars list nothing; they are believed.
        return isListed ? nil : general ?? requestedExpires
    }

    /// Takes the GRUUs that stand with our contact (RFC 5627 §4.2).
    mutating func learnGRUUs(_ response: MessageView) {
        forgetGRUUs()
        guard configuration.instance != nil else { return }
        var values = response.values(of: .contact)
        while let value = values.next() {
            guard let address = try? NameAddress(response, value), address.uri.isEquivalent(to: configuration.contact)
            else { continue }
            publicGRUU = Self.gruu(address["pub-gruu"])
            temporaryGRUU = Self.gruu(address["temp-gruu"])
        }
    }

    /// Takes the reference to this registration (RFC 8599 §6.1.1), when it is one that wakes by push.
    mutating func learnReference(_ response: MessageView) {
        guard configuration.contact.parameter("pn-prid") != nil else { return }
        for value in response.values(of: .featureCaps) {
            for part in response.text(value).split(separator: ";") {
                let pair = part.split(separator: "=", maxSplits: 1)
                let name = pair[0].lowercased().filter { $0 != " " && $0 != "\t" }
                guard pair.count == 2, name == "+sip.pnspurr" else { continue }
                let text = pair[1].filter { $0 != " " && $0 != "\t" && $0 != "\"" }
                // What could not stand in a URI would spoil the contact.
                guard !text.isEmpty, text.utf8.allSatisfy(Self.isUnreserved) else { continue }
                registrationReference = text
            }
        }
    }

    /// `unreserved` (RFC 3261 §25.1), and what Base64 has besides.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-_.!~*'()+/".utf8.contains(byte)
        }
    }

    /// The URI in a quoted parameter; nil when it is no GRUU.
    private static func gruu(_ text: String?) -> URI? {
        guard let text, let uri = try? URI(NameAddress.unquote(text)), uri.index.isSIP, uri.parameter("gr") != nil
        else { return nil }
        return uri
    }

    mutating func forgetGRUUs() {
        publicGRUU = nil
        temporaryGRUU = nil
    }
}
