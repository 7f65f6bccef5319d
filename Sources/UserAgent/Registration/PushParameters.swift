/// What lets the network wake a user agent that sleeps, by a push notification (RFC 8599 §4.1.1): it stands in the contact that is
/// registered.
public struct PushParameters: Hashable, Sendable {
    /// The type of the push notification service, such as `apns`, `fcm` or `webpush`.
    public var provider: String
    /// What names this device there, as its service has told it.
    public var resourceID: String
    /// What else the service needs, such as `TEAM.com.example.phone.voip`; nil for nothing.
    public var parameter: String?

    public init(provider: String, resourceID: String, parameter: String? = nil) {
        self.provider = provider
        self.resourceID = resourceID
        self.parameter = parameter
    }

    /// The parameters of the contact URI.
    var text: String {
        var text = ";pn-provider=\(Self.escape(provider));pn-prid=\(Self.escape(resourceID))"
        if let parameter { text += ";pn-param=\(Self.escape(parameter))" }
        return text
    }

    /// What may not stand in the value of a parameter is escaped (RFC 3261 §25.1 `paramchar`).
    private static func escape(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if byte < 0x80, character.isLetter || character.isNumber || "[]/:&+$-_.!~*'()".contains(character) {
                result.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
