/// What a message does with its method (RFC 8489 §5).
public enum STUNClass: UInt16, Hashable, Sendable, CaseIterable {
    /// Answered by a success or an error response.
    case request = 0
    /// Answered by nothing.
    case indication = 1
    case success = 2
    case error = 3
}

/// A method (RFC 8489 §18.2, RFC 8656 §17, RFC 6062 §6.1): 12 bits.
public struct STUNMethod: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue & 0x0FFF }

    public static let binding = STUNMethod(rawValue: 0x001)
    public static let allocate = STUNMethod(rawValue: 0x003)
    public static let refresh = STUNMethod(rawValue: 0x004)
    public static let send = STUNMethod(rawValue: 0x006)
    public static let data = STUNMethod(rawValue: 0x007)
    public static let createPermission = STUNMethod(rawValue: 0x008)
    public static let channelBind = STUNMethod(rawValue: 0x009)
    public static let connect = STUNMethod(rawValue: 0x00A)
    public static let connectionBind = STUNMethod(rawValue: 0x00B)
    public static let connectionAttempt = STUNMethod(rawValue: 0x00C)
}

/// The first two octets of a message: the bits of the class between those of the method.
///
/// ```
///    0                 1
///    2  3  4 5 6 7 8 9 0 1 2 3 4 5
///   +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
///   |M |M |M|M|M|C|M|M|M|C|M|M|M|M|
///   |11|10|9|8|7|1|6|5|4|0|3|2|1|0|
///   +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
enum STUNType {
    static func pack(_ kind: STUNClass, _ method: STUNMethod) -> UInt16 {
        let bits = method.rawValue
        let spread = (bits & 0xF80) << 2 | (bits & 0x70) << 1 | bits & 0xF
        return spread | (kind.rawValue & 2) << 7 | (kind.rawValue & 1) << 4
    }

    static func unpack(_ type: UInt16) -> (STUNClass, STUNMethod) {
        let method = (type & 0x3E00) >> 2 | (type & 0xE0) >> 1 | type & 0xF
        let bits = (type & 0x100) >> 7 | (type & 0x10) >> 4
        let kind: STUNClass = bits & 2 == 0 ? (bits == 0 ? .request : .indication) : (bits == 2 ? .success : .error)
        return (kind, STUNMethod(rawValue: method))
    }
}

/// What names a transaction (RFC 8489 §5): 96 bits, random.
public struct STUNTransactionID: Sendable, Hashable {
    public var upper: UInt32
    public var lower: UInt64

    public init(upper: UInt32, lower: UInt64) {
        self.upper = upper
        self.lower = lower
    }
}

/// What is sent with an error response: a number and what it means.
public struct STUNErrorCode: RawRepresentable, Hashable, Sendable {
    /// 300 to 699.
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    // RFC 8489 §14.8.
    public static let tryAlternate = STUNErrorCode(rawValue: 300)
    public static let badRequest = STUNErrorCode(rawValue: 400)
    public static let unauthenticated = STUNErrorCode(rawValue: 401)
    public static let unknownAttribute = STUNErrorCode(rawValue: 420)
    public static let staleNonce = STUNErrorCode(rawValue: 438)
    public static let serverError = STUNErrorCode(rawValue: 500)
    // RFC 8445 §16.2.
    public static let roleConflict = STUNErrorCode(rawValue: 487)
    // RFC 8656 §19.
    public static let forbidden = STUNErrorCode(rawValue: 403)
    public static let mobilityForbidden = STUNErrorCode(rawValue: 405)
    public static let allocationMismatch = STUNErrorCode(rawValue: 437)
    public static let addressFamilyNotSupported = STUNErrorCode(rawValue: 440)
    public static let wrongCredentials = STUNErrorCode(rawValue: 441)
    public static let unsupportedTransport = STUNErrorCode(rawValue: 442)
    public static let peerAddressFamilyMismatch = STUNErrorCode(rawValue: 443)
    public static let allocationQuotaReached = STUNErrorCode(rawValue: 486)
    public static let insufficientCapacity = STUNErrorCode(rawValue: 508)
    // RFC 6062 §6.3.
    public static let connectionAlreadyExists = STUNErrorCode(rawValue: 446)
    public static let connectionFailure = STUNErrorCode(rawValue: 447)
}
