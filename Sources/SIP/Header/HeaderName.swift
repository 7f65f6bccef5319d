/// The name of a header field: one of the registered ones, by canonical or compact form, or `other`.
///
/// A name takes one byte, so that the index of a message is flat; the text of an unregistered name stays in the message.
@frozen
public struct HeaderName: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A name that is not registered.
    @inlinable public static var other: HeaderName { HeaderName(rawValue: 0) }
    /// `Via`, compact form `v`.
    @inlinable public static var via: HeaderName { HeaderName(rawValue: 1) }
    /// `From`, compact form `f`.
    @inlinable public static var from: HeaderName { HeaderName(rawValue: 2) }
    /// `To`, compact form `t`.
    @inlinable public static var to: HeaderName { HeaderName(rawValue: 3) }
    /// `Call-ID`, compact form `i`.
    @inlinable public static var callID: HeaderName { HeaderName(rawValue: 4) }
    /// `CSeq`.
    @inlinable public static var cSeq: HeaderName { HeaderName(rawValue: 5) }
    /// `Contact`, compact form `m`.
    @inlinable public static var contact: HeaderName { HeaderName(rawValue: 6) }
    /// `Max-Forwards`.
    @inlinable public static var maxForwards: HeaderName { HeaderName(rawValue: 7) }
    /// `Route`.
    @inlinable public static var route: HeaderName { HeaderName(rawValue: 8) }
    /// `Record-Route`.
    @inlinable public static var recordRoute: HeaderName { HeaderName(rawValue: 9) }
    /// `Content-Length`, compact form `l`.
    @inlinable public static var contentLength: HeaderName { HeaderName(rawValue: 10) }
    /// `Content-Type`, compact form `c`.
    @inlinable public static var contentType: HeaderName { HeaderName(rawValue: 11) }
    /// `Expires`.
    @inlinable public static var expires: HeaderName { HeaderName(rawValue: 12) }
    /// `Allow`.
    @inlinable public static var allow: HeaderName { HeaderName(rawValue: 13) }
    /// `Supported`, compact form `k`.
    @inlinable public static var supported: HeaderName { HeaderName(rawValue: 14) }
    /// `Require`.
    @inlinable public static var require: HeaderName { HeaderName(rawValue: 15) }
    /// `Proxy-Require`.
    @inlinable public static var proxyRequire: HeaderName { HeaderName(rawValue: 16) }
    /// `Unsupported`.
    @inlinable public static var unsupported: HeaderName { HeaderName(rawValue: 17) }
    /// `Authorization`.
    @inlinable public static var authorization: HeaderName { HeaderName(rawValue: 18) }
    /// `WWW-Authenticate`.
    @inlinable public static var wwwAuthenticate: HeaderName { HeaderName(rawValue: 19) }
    /// `Proxy-Authorization`.
    @inlinable public static var proxyAuthorization: HeaderName { HeaderName(rawValue: 20) }
    /// `Proxy-Authenticate`.
    @inlinable public static var proxyAuthenticate: HeaderName { HeaderName(rawValue: 21) }
    /// `Authentication-Info`.
    @inlinable public static var authenticationInfo: HeaderName { HeaderName(rawValue: 22) }
    /// `Proxy-Authentication-Info`.
    @inlinable public static var proxyAuthenticationInfo: HeaderName { HeaderName(rawValue: 23) }
    /// `User-Agent`.
    @inlinable public static var userAgent: HeaderName { HeaderName(rawValue: 24) }
    /// `Server`.
    @inlinable public static var server: HeaderName { HeaderName(rawValue: 25) }
    /// `Date`.
    @inlinable public static var date: HeaderName { HeaderName(rawValue: 26) }
    /// `Retry-After`.
    @inlinable public static var retryAfter: HeaderName { HeaderName(rawValue: 27) }
    /// `Warning`.
    @inlinable public static var warning: HeaderName { HeaderName(rawValue: 28) }
    /// `Reason`.
    @inlinable public static var reason: HeaderName { HeaderName(rawValue: 29) }
    /// `Subject`, compact form `s`.
    @inlinable public static var subject: HeaderName { HeaderName(rawValue: 30) }
    /// `Accept`.
    @inlinable public static var accept: HeaderName { HeaderName(rawValue: 31) }
    /// `Accept-Contact`, compact form `a`.
    @inlinable public static var acceptContact: HeaderName { HeaderName(rawValue: 32) }
    /// `Accept-Encoding`.
    @inlinable public static var acceptEncoding: HeaderName { HeaderName(rawValue: 33) }
    /// `Accept-Language`.
    @inlinable public static var acceptLanguage: HeaderName { HeaderName(rawValue: 34) }
    /// `Accept-Resource-Priority`.
    @inlinable public static var acceptResourcePriority: HeaderName { HeaderName(rawValue: 35) }
    /// `Additional-Identity`.
    @inlinable public static var additionalIdentity: HeaderName { HeaderName(rawValue: 36) }
    /// `Alert-Info`.
    @inlinable public static var alertInfo: HeaderName { HeaderName(rawValue: 37) }
    /// `Allow-Events`, compact form `u`.
    @inlinable public static var allowEvents: HeaderName { HeaderName(rawValue: 38) }
    /// `Answer-Mode`.
    @inlinable public static var answerMode: HeaderName { HeaderName(rawValue: 39) }
    /// `AlertMsg-Error`.
    @inlinable public static var alertMsgError: HeaderName { HeaderName(rawValue: 40) }
    /// `Call-Info`.
    @inlinable public static var callInfo: HeaderName { HeaderName(rawValue: 41) }
    /// `Cellular-Network-Info`.
    @inlinable public static var cellularNetworkInfo: HeaderName { HeaderName(rawValue: 42) }
    /// `Content-Disposition`.
    @inlinable public static var contentDisposition: HeaderName { HeaderName(rawValue: 43) }
    /// `Content-Encoding`, compact form `e`.
    @inlinable public static var contentEncoding: HeaderName { HeaderName(rawValue: 44) }
    /// `Content-Language`.
    @inlinable public static var contentLanguage: HeaderName { HeaderName(rawValue: 45) }
    /// `DC-Info`.
    @inlinable public static var dcInfo: HeaderName { HeaderName(rawValue: 46) }
    /// `Encryption`.
    @inlinable public static var encryption: HeaderName { HeaderName(rawValue: 47) }
    /// `Error-Info`.
    @inlinable public static var errorInfo: HeaderName { HeaderName(rawValue: 48) }
    /// `Event`, compact form `o`.
    @inlinable public static var event: HeaderName { HeaderName(rawValue: 49) }
    /// `Feature-Caps`.
    @inlinable public static var featureCaps: HeaderName { HeaderName(rawValue: 50) }
    /// `Flow-Timer`.
    @inlinable public static var flowTimer: HeaderName { HeaderName(rawValue: 51) }
    /// `Geolocation`.
    @inlinable public static var geolocation: HeaderName { HeaderName(rawValue: 52) }
    /// `Geolocation-Error`.
    @inlinable public static var geolocationError: HeaderName { HeaderName(rawValue: 53) }
    /// `Geolocation-Routing`.
    @inlinable public static var geolocationRouting: HeaderName { HeaderName(rawValue: 54) }
    /// `Hide`.
    @inlinable public static var hide: HeaderName { HeaderName(rawValue: 55) }
    /// `History-Info`.
    @inlinable public static var historyInfo: HeaderName { HeaderName(rawValue: 56) }
    /// `Identity`, compact form `y`.
    @inlinable public static var identity: HeaderName { HeaderName(rawValue: 57) }
    /// `Identity-Info`.
    @inlinable public static var identityInfo: HeaderName { HeaderName(rawValue: 58) }
    /// `Info-Package`.
    @inlinable public static var infoPackage: HeaderName { HeaderName(rawValue: 59) }
    /// `In-Reply-To`.
    @inlinable public static var inReplyTo: HeaderName { HeaderName(rawValue: 60) }
    /// `Join`.
    @inlinable public static var join: HeaderName { HeaderName(rawValue: 61) }
    /// `Location-Header`.
    @inlinable public static var locationHeader: HeaderName { HeaderName(rawValue: 62) }
    /// `Max-Breadth`.
    @inlinable public static var maxBreadth: HeaderName { HeaderName(rawValue: 63) }
    /// `MIME-Version`.
    @inlinable public static var mimeVersion: HeaderName { HeaderName(rawValue: 64) }
    /// `Min-Expires`.
    @inlinable public static var minExpires: HeaderName { HeaderName(rawValue: 65) }
    /// `Min-SE`.
    @inlinable public static var minSE: HeaderName { HeaderName(rawValue: 66) }
    /// `Organization`.
    @inlinable public static var organization: HeaderName { HeaderName(rawValue: 67) }
    /// `Origination-Id`.
    @inlinable public static var originationId: HeaderName { HeaderName(rawValue: 68) }
    /// `P-Access-Network-Info`.
    @inlinable public static var pAccessNetworkInfo: HeaderName { HeaderName(rawValue: 69) }
    /// `P-Answer-State`.
    @inlinable public static var pAnswerState: HeaderName { HeaderName(rawValue: 70) }
    /// `P-Asserted-Identity`.
    @inlinable public static var pAssertedIdentity: HeaderName { HeaderName(rawValue: 71) }
    /// `P-Asserted-Service`.
    @inlinable public static var pAssertedService: HeaderName { HeaderName(rawValue: 72) }
    /// `P-Associated-URI`.
    @inlinable public static var pAssociatedURI: HeaderName { HeaderName(rawValue: 73) }
    /// `P-Called-Party-ID`.
    @inlinable public static var pCalledPartyID: HeaderName { HeaderName(rawValue: 74) }
    /// `P-Charge-Info`.
    @inlinable public static var pChargeInfo: HeaderName { HeaderName(rawValue: 75) }
    /// `P-Charging-Function-Addresses`.
    @inlinable public static var pChargingFunctionAddresses: HeaderName { HeaderName(rawValue: 76) }
    /// `P-Charging-Vector`.
    @inlinable public static var pChargingVector: HeaderName { HeaderName(rawValue: 77) }
    /// `P-DCS-Billing-Info`.
    @inlinable public static var pDCSBillingInfo: HeaderName { HeaderName(rawValue: 78) }
    /// `P-DCS-LAES`.
    @inlinable public static var pDCSLAES: HeaderName { HeaderName(rawValue: 79) }
    /// `P-DCS-OSPS`.
    @inlinable public static var pDCSOSPS: HeaderName { HeaderName(rawValue: 80) }
    /// `P-DCS-Redirect`.
    @inlinable public static var pDCSRedirect: HeaderName { HeaderName(rawValue: 81) }
    /// `P-DCS-Trace-Party-ID`.
    @inlinable public static var pDCSTracePartyID: HeaderName { HeaderName(rawValue: 82) }
    /// `P-Early-Media`.
    @inlinable public static var pEarlyMedia: HeaderName { HeaderName(rawValue: 83) }
    /// `P-Media-Authorization`.
    @inlinable public static var pMediaAuthorization: HeaderName { HeaderName(rawValue: 84) }
    /// `P-Preferred-Identity`.
    @inlinable public static var pPreferredIdentity: HeaderName { HeaderName(rawValue: 85) }
    /// `P-Preferred-Service`.
    @inlinable public static var pPreferredService: HeaderName { HeaderName(rawValue: 86) }
    /// `P-Private-Network-Indication`.
    @inlinable public static var pPrivateNetworkIndication: HeaderName { HeaderName(rawValue: 87) }
    /// `P-Profile-Key`.
    @inlinable public static var pProfileKey: HeaderName { HeaderName(rawValue: 88) }
    /// `P-Refused-URI-List`.
    @inlinable public static var pRefusedURIList: HeaderName { HeaderName(rawValue: 89) }
    /// `P-Served-User`.
    @inlinable public static var pServedUser: HeaderName { HeaderName(rawValue: 90) }
    /// `P-User-Database`.
    @inlinable public static var pUserDatabase: HeaderName { HeaderName(rawValue: 91) }
    /// `P-Visited-Network-ID`.
    @inlinable public static var pVisitedNetworkID: HeaderName { HeaderName(rawValue: 92) }
    /// `Path`.
    @inlinable public static var path: HeaderName { HeaderName(rawValue: 93) }
    /// `Permission-Missing`.
    @inlinable public static var permissionMissing: HeaderName { HeaderName(rawValue: 94) }
    /// `Policy-Contact`.
    @inlinable public static var policyContact: HeaderName { HeaderName(rawValue: 95) }
    /// `Policy-ID`.
    @inlinable public static var policyID: HeaderName { HeaderName(rawValue: 96) }
    /// `Priority`.
    @inlinable public static var priority: HeaderName { HeaderName(rawValue: 97) }
    /// `Priority-Share`.
    @inlinable public static var priorityShare: HeaderName { HeaderName(rawValue: 98) }
    /// `Priority-Verstat`.
    @inlinable public static var priorityVerstat: HeaderName { HeaderName(rawValue: 99) }
    /// `Priv-Answer-Mode`.
    @inlinable public static var privAnswerMode: HeaderName { HeaderName(rawValue: 100) }
    /// `Privacy`.
    @inlinable public static var privacy: HeaderName { HeaderName(rawValue: 101) }
    /// `RAck`.
    @inlinable public static var rAck: HeaderName { HeaderName(rawValue: 102) }
    /// `Recv-Info`.
    @inlinable public static var recvInfo: HeaderName { HeaderName(rawValue: 103) }
    /// `Refer-Events-At`.
    @inlinable public static var referEventsAt: HeaderName { HeaderName(rawValue: 104) }
    /// `Refer-Sub`.
    @inlinable public static var referSub: HeaderName { HeaderName(rawValue: 105) }
    /// `Refer-To`, compact form `r`.
    @inlinable public static var referTo: HeaderName { HeaderName(rawValue: 106) }
    /// `Referred-By`, compact form `b`.
    @inlinable public static var referredBy: HeaderName { HeaderName(rawValue: 107) }
    /// `Reject-Contact`, compact form `j`.
    @inlinable public static var rejectContact: HeaderName { HeaderName(rawValue: 108) }
    /// `Relayed-Charge`.
    @inlinable public static var relayedCharge: HeaderName { HeaderName(rawValue: 109) }
    /// `Replaces`.
    @inlinable public static var replaces: HeaderName { HeaderName(rawValue: 110) }
    /// `Reply-To`.
    @inlinable public static var replyTo: HeaderName { HeaderName(rawValue: 111) }
    /// `Request-Disposition`, compact form `d`.
    @inlinable public static var requestDisposition: HeaderName { HeaderName(rawValue: 112) }
    /// `Resource-Priority`.
    @inlinable public static var resourcePriority: HeaderName { HeaderName(rawValue: 113) }
    /// `Resource-Share`.
    @inlinable public static var resourceShare: HeaderName { HeaderName(rawValue: 114) }
    /// `Response-Key`.
    @inlinable public static var responseKey: HeaderName { HeaderName(rawValue: 115) }
    /// `Response-Source`.
    @inlinable public static var responseSource: HeaderName { HeaderName(rawValue: 116) }
    /// `Restoration-Info`.
    @inlinable public static var restorationInfo: HeaderName { HeaderName(rawValue: 117) }
    /// `RSeq`.
    @inlinable public static var rSeq: HeaderName { HeaderName(rawValue: 118) }
    /// `Security-Client`.
    @inlinable public static var securityClient: HeaderName { HeaderName(rawValue: 119) }
    /// `Security-Server`.
    @inlinable public static var securityServer: HeaderName { HeaderName(rawValue: 120) }
    /// `Security-Verify`.
    @inlinable public static var securityVerify: HeaderName { HeaderName(rawValue: 121) }
    /// `Service-Interact-Info`.
    @inlinable public static var serviceInteractInfo: HeaderName { HeaderName(rawValue: 122) }
    /// `Service-Route`.
    @inlinable public static var serviceRoute: HeaderName { HeaderName(rawValue: 123) }
    /// `Session-Expires`, compact form `x`.
    @inlinable public static var sessionExpires: HeaderName { HeaderName(rawValue: 124) }
    /// `Session-ID`.
    @inlinable public static var sessionID: HeaderName { HeaderName(rawValue: 125) }
    /// `SIP-ETag`.
    @inlinable public static var sipETag: HeaderName { HeaderName(rawValue: 126) }
    /// `SIP-If-Match`.
    @inlinable public static var sipIfMatch: HeaderName { HeaderName(rawValue: 127) }
    /// `Subscription-State`.
    @inlinable public static var subscriptionState: HeaderName { HeaderName(rawValue: 128) }
    /// `Suppress-If-Match`.
    @inlinable public static var suppressIfMatch: HeaderName { HeaderName(rawValue: 129) }
    /// `Target-Dialog`.
    @inlinable public static var targetDialog: HeaderName { HeaderName(rawValue: 130) }
    /// `Timestamp`.
    @inlinable public static var timestamp: HeaderName { HeaderName(rawValue: 131) }
    /// `Trigger-Consent`.
    @inlinable public static var triggerConsent: HeaderName { HeaderName(rawValue: 132) }
    /// `User-to-User`.
    @inlinable public static var userToUser: HeaderName { HeaderName(rawValue: 133) }
    /// `Verification-Error`.
    @inlinable public static var verificationError: HeaderName { HeaderName(rawValue: 134) }
    /// `Diversion`.
    @inlinable public static var diversion: HeaderName { HeaderName(rawValue: 135) }
    /// `Remote-Party-ID`.
    @inlinable public static var remotePartyID: HeaderName { HeaderName(rawValue: 136) }

    /// How many names are registered here; raw values run from 1 to this.
    public static let count = 136

    /// The canonical form on the wire; empty for `other`.
    public var canonical: StaticString {
        switch rawValue {
        case 1: "Via"
        case 2: "From"
        case 3: "To"
        case 4: "Call-ID"
        case 5: "CSeq"
        case 6: "Contact"
        case 7: "Max-Forwards"
        case 8: "Route"
        case 9: "Record-Route"
        case 10: "Content-Length"
        case 11: "Content-Type"
        case 12: "Expires"
        case 13: "Allow"
        case 14: "Supported"
        case 15: "Require"
        case 16: "Proxy-Require"
        case 17: "Unsupported"
        case 18: "Authorization"
        case 19: "WWW-Authenticate"
        case 20: "Proxy-Authorization"
        case 21: "Proxy-Authenticate"
        case 22: "Authentication-Info"
        case 23: "Proxy-Authentication-Info"
        case 24: "User-Agent"
        case 25: "Server"
        case 26: "Date"
        case 27: "Retry-After"
        case 28: "Warning"
        case 29: "Reason"
        case 30: "Subject"
        case 31: "Accept"
        case 32: "Accept-Contact"
        case 33: "Accept-Encoding"
        case 34: "Accept-Language"
        case 35: "Accept-Resource-Priority"
        case 36: "Additional-Identity"
        case 37: "Alert-Info"
        case 38: "Allow-Events"
        case 39: "Answer-Mode"
        case 40: "AlertMsg-Error"
        case 41: "Call-Info"
        case 42: "Cellular-Network-Info"
        case 43: "Content-Disposition"
        case 44: "Content-Encoding"
        case 45: "Content-Language"
        case 46: "DC-Info"
        case 47: "Encryption"
        case 48: "Error-Info"
        case 49: "Event"
        case 50: "Feature-Caps"
        case 51: "Flow-Timer"
        case 52: "Geolocation"
        case 53: "Geolocation-Error"
        case 54: "Geolocation-Routing"
        case 55: "Hide"
        case 56: "History-Info"
        case 57: "Identity"
        case 58: "Identity-Info"
        case 59: "Info-Package"
        case 60: "In-Reply-To"
        case 61: "Join"
        case 62: "Location-Header"
        case 63: "Max-Breadth"
        case 64: "MIME-Version"
        case 65: "Min-Expires"
        case 66: "Min-SE"
        case 67: "Organization"
        case 68: "Origination-Id"
        case 69: "P-Access-Network-Info"
        case 70: "P-Answer-State"
        case 71: "P-Asserted-Identity"
        case 72: "P-Asserted-Service"
        case 73: "P-Associated-URI"
        case 74: "P-Called-Party-ID"
        case 75: "P-Charge-Info"
        case 76: "P-Charging-Function-Addresses"
        case 77: "P-Charging-Vector"
        case 78: "P-DCS-Billing-Info"
        case 79: "P-DCS-LAES"
        case 80: "P-DCS-OSPS"
        case 81: "P-DCS-Redirect"
        case 82: "P-DCS-Trace-Party-ID"
        case 83: "P-Early-Media"
        case 84: "P-Media-Authorization"
        case 85: "P-Preferred-Identity"
        case 86: "P-Preferred-Service"
        case 87: "P-Private-Network-Indication"
        case 88: "P-Profile-Key"
        case 89: "P-Refused-URI-List"
        case 90: "P-Served-User"
        case 91: "P-User-Database"
        case 92: "P-Visited-Network-ID"
        case 93: "Path"
        case 94: "Permission-Missing"
        case 95: "Policy-Contact"
        case 96: "Policy-ID"
        case 97: "Priority"
        case 98: "Priority-Share"
        case 99: "Priority-Verstat"
        case 100: "Priv-Answer-Mode"
        case 101: "Privacy"
        case 102: "RAck"
        case 103: "Recv-Info"
        case 104: "Refer-Events-At"
        case 105: "Refer-Sub"
        case 106: "Refer-To"
        case 107: "Referred-By"
        case 108: "Reject-Contact"
        case 109: "Relayed-Charge"
        case 110: "Replaces"
        case 111: "Reply-To"
        case 112: "Request-Disposition"
        case 113: "Resource-Priority"
        case 114: "Resource-Share"
        case 115: "Response-Key"
        case 116: "Response-Source"
        case 117: "Restoration-Info"
        case 118: "RSeq"
        case 119: "Security-Client"
        case 120: "Security-Server"
        case 121: "Security-Verify"
        case 122: "Service-Interact-Info"
        case 123: "Service-Route"
        case 124: "Session-Expires"
        case 125: "Session-ID"
        case 126: "SIP-ETag"
        case 127: "SIP-If-Match"
        case 128: "Subscription-State"
        case 129: "Suppress-If-Match"
        case 130: "Target-Dialog"
        case 131: "Timestamp"
        case 132: "Trigger-Consent"
        case 133: "User-to-User"
        case 134: "Verification-Error"
        case 135: "Diversion"
        case 136: "Remote-Party-ID"
        default: ""
        }
    }

    /// The compact form (RFC 3261 §7.3.3 and the registry), or nil.
    public var compact: UInt8? {
        switch self {
        case .via: UInt8(ascii: "v")
        case .from: UInt8(ascii: "f")
        case .to: UInt8(ascii: "t")
        case .callID: UInt8(ascii: "i")
        case .contact: UInt8(ascii: "m")
        case .contentLength: UInt8(ascii: "l")
        case .contentType: UInt8(ascii: "c")
        case .supported: UInt8(ascii: "k")
        case .subject: UInt8(ascii: "s")
        case .acceptContact: UInt8(ascii: "a")
        case .allowEvents: UInt8(ascii: "u")
        case .contentEncoding: UInt8(ascii: "e")
        case .event: UInt8(ascii: "o")
        case .identity: UInt8(ascii: "y")
        case .referTo: UInt8(ascii: "r")
        case .referredBy: UInt8(ascii: "b")
        case .rejectContact: UInt8(ascii: "j")
        case .requestDisposition: UInt8(ascii: "d")
        case .sessionExpires: UInt8(ascii: "x")
        default: nil
        }
    }

    /// Whether a message may hold the field once only, with one value.
    public var isSingle: Bool {
        switch self {
        case .from, .to, .callID, .cSeq, .maxForwards, .contentLength, .contentType, .expires, .date, .retryAfter,
            .subject, .minExpires, .mimeVersion, .maxBreadth, .rSeq, .rAck, .event, .referTo, .referredBy, .replaces,
            .join, .sessionExpires, .minSE, .sipETag, .sipIfMatch, .subscriptionState, .contentDisposition,
            .organization, .priority, .server, .userAgent, .timestamp, .flowTimer, .targetDialog, .sessionID, .replyTo:
            true
        default: false
        }
    }

    /// Whether several values may stand in one field, separated by commas (RFC 3261 §7.3.1).
    ///
    /// Authorization and challenge fields contain commas and are no lists; Date and Subject neither.
    public var isList: Bool {
        switch self {
        case .via, .contact, .route, .recordRoute, .allow, .supported, .require, .proxyRequire, .unsupported, .warning,
            .reason, .accept, .acceptContact, .acceptEncoding, .acceptLanguage, .alertInfo, .allowEvents, .callInfo,
            .contentEncoding, .contentLanguage, .errorInfo, .featureCaps, .geolocation, .historyInfo, .inReplyTo,
            .pAssertedIdentity, .pPreferredIdentity, .pAssociatedURI, .pEarlyMedia, .path, .permissionMissing,
            .recvInfo, .rejectContact, .requestDisposition, .resourcePriority, .securityClient, .securityServer,
            .securityVerify, .serviceRoute, .triggerConsent, .diversion, .remotePartyID, .policyContact,
            .pChargingFunctionAddresses, .pAccessNetworkInfo, .pVisitedNetworkID:
            true
        default: false
        }
    }
}

extension HeaderName: CustomStringConvertible {
    public var description: String { self == .other ? "other" : String(describing: canonical) }
}
