/// Why an authentication header field value cannot be read, and where.
public struct DigestSyntaxError: Error, Hashable, Sendable {
    /// What is wrong.
    public enum Code: UInt8, CaseIterable, Hashable, Sendable {
        case tooLong, tooManyParameters, noScheme, badParameterName, noEqualSign, noValue, openQuote, badCharacter
        case noComma, duplicate, missing, badNonceCount, unknownQop, badResponse, twoUsernames, badUsername
    }

    /// What is wrong.
    public var code: Code

    /// Where in the value it was found, in bytes from its start.
    public var offset: Int

    /// An error at a place.
    public init(_ code: Code, at offset: Int = 0) {
        self.code = code
        self.offset = offset
    }

    /// The cause in words.
    public var reason: String {
        switch code {
        case .tooLong: "longer than \(AuthenticationLimits.longestValue) bytes"
        case .tooManyParameters: "more than \(AuthenticationLimits.mostParameters) parameters"
        case .noScheme: "no authentication scheme"
        case .badParameterName: "no parameter name where one should be"
        case .noEqualSign: "parameter without '='"
        case .noValue: "parameter without a value"
        case .openQuote: "quoted string without an end"
        case .badCharacter: "control character in a value"
        case .noComma: "no comma between two parameters"
        case .duplicate: "parameter given twice"
        case .missing: "required parameter is missing"
        case .badNonceCount: "nc is not eight hexadecimal digits above zero"
        case .unknownQop: "qop is neither auth nor auth-int"
        case .badResponse: "response is not hexadecimal of the algorithm's length"
        case .twoUsernames: "both username and username*"
        case .badUsername: "username* is not UTF-8 in extended notation"
        }
    }
}

/// Limits on authentication header fields, against senders who mean harm.
public enum AuthenticationLimits {
    /// The longest field value that is read, in bytes.
    public static let longestValue = 8192

    /// The most parameters that one field value may have.
    public static let mostParameters = 64
}
