/// An option tag: the name of an extension in Supported, Require, Proxy-Require and Unsupported (RFC 3261 §19.2 and the
/// registry). A tag that is not known keeps its text in the message.
@frozen
public struct OptionTag: Hashable, Sendable, RawRepresentable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A tag that is not in the list below.
    @inlinable public static var unknown: OptionTag { OptionTag(rawValue: 0) }
    /// `100rel` (RFC 3262).
    @inlinable public static var reliableProvisional: OptionTag { OptionTag(rawValue: 1) }
    /// `199` (RFC 6228).
    @inlinable public static var earlyDialogTerminated: OptionTag { OptionTag(rawValue: 2) }
    /// `answermode` (RFC 5373).
    @inlinable public static var answerMode: OptionTag { OptionTag(rawValue: 3) }
    /// `early-session` (RFC 3959).
    @inlinable public static var earlySession: OptionTag { OptionTag(rawValue: 4) }
    /// `eventlist` (RFC 4662).
    @inlinable public static var eventList: OptionTag { OptionTag(rawValue: 5) }
    /// `explicitsub` (RFC 7614).
    @inlinable public static var explicitSubscription: OptionTag { OptionTag(rawValue: 6) }
    /// `from-change` (RFC 4916).
    @inlinable public static var fromChange: OptionTag { OptionTag(rawValue: 7) }
    /// `geolocation-http` (RFC 6442).
    @inlinable public static var geolocationHTTP: OptionTag { OptionTag(rawValue: 8) }
    /// `geolocation-sip` (RFC 6442).
    @inlinable public static var geolocationSIP: OptionTag { OptionTag(rawValue: 9) }
    /// `gin` (RFC 6140).
    @inlinable public static var bulkNumbers: OptionTag { OptionTag(rawValue: 10) }
    /// `gruu` (RFC 5627).
    @inlinable public static var gruu: OptionTag { OptionTag(rawValue: 11) }
    /// `histinfo` (RFC 7044).
    @inlinable public static var historyInfo: OptionTag { OptionTag(rawValue: 12) }
    /// `ice` (RFC 5768).
    @inlinable public static var ice: OptionTag { OptionTag(rawValue: 13) }
    /// `join` (RFC 3911).
    @inlinable public static var join: OptionTag { OptionTag(rawValue: 14) }
    /// `multiple-refer` (RFC 5368).
    @inlinable public static var multipleRefer: OptionTag { OptionTag(rawValue: 15) }
    /// `norefersub` (RFC 4488).
    @inlinable public static var noReferSubscription: OptionTag { OptionTag(rawValue: 16) }
    /// `nosub` (RFC 7614).
    @inlinable public static var noSubscription: OptionTag { OptionTag(rawValue: 17) }
    /// `outbound` (RFC 5626).
    @inlinable public static var outbound: OptionTag { OptionTag(rawValue: 18) }
    /// `path` (RFC 3327).
    @inlinable public static var path: OptionTag { OptionTag(rawValue: 19) }
    /// `policy` (RFC 6794).
    @inlinable public static var policy: OptionTag { OptionTag(rawValue: 20) }
    /// `precondition` (RFC 3312).
    @inlinable public static var precondition: OptionTag { OptionTag(rawValue: 21) }
    /// `pref` (RFC 3840).
    @inlinable public static var callerPreferences: OptionTag { OptionTag(rawValue: 22) }
    /// `privacy` (RFC 3323).
    @inlinable public static var privacy: OptionTag { OptionTag(rawValue: 23) }
    /// `recipient-list-invite` (RFC 5366).
    @inlinable public static var recipientListInvite: OptionTag { OptionTag(rawValue: 24) }
    /// `recipient-list-message` (RFC 5365).
    @inlinable public static var recipientListMessage: OptionTag { OptionTag(rawValue: 25) }
    /// `recipient-list-subscribe` (RFC 5367).
    @inlinable public static var recipientListSubscribe: OptionTag { OptionTag(rawValue: 26) }
    /// `record-aware` (RFC 7866).
    @inlinable public static var recordAware: OptionTag { OptionTag(rawValue: 27) }
    /// `replaces` (RFC 3891).
    @inlinable public static var replaces: OptionTag { OptionTag(rawValue: 28) }
    /// `resource-priority` (RFC 4412).
    @inlinable public static var resourcePriority: OptionTag { OptionTag(rawValue: 29) }
    /// `sdp-anat` (RFC 4092).
    @inlinable public static var alternativeAddresses: OptionTag { OptionTag(rawValue: 30) }
    /// `sec-agree` (RFC 3329).
    @inlinable public static var securityAgreement: OptionTag { OptionTag(rawValue: 31) }
    /// `siprec` (RFC 7866).
    @inlinable public static var recording: OptionTag { OptionTag(rawValue: 32) }
    /// `tdialog` (RFC 4538).
    @inlinable public static var targetDialog: OptionTag { OptionTag(rawValue: 33) }
    /// `timer` (RFC 4028).
    @inlinable public static var timer: OptionTag { OptionTag(rawValue: 34) }
    /// `trickle-ice` (RFC 8840).
    @inlinable public static var trickleICE: OptionTag { OptionTag(rawValue: 35) }
    /// `uui` (RFC 7433).
    @inlinable public static var userToUser: OptionTag { OptionTag(rawValue: 36) }

    /// How many tags are known; raw values run from 1 to this.
    public static let count = 36

    /// The tag on the wire; empty for `unknown`.
    public var text: StaticString {
        switch rawValue {
        case 1: "100rel"
        case 2: "199"
        case 3: "answermode"
        case 4: "early-session"
        case 5: "eventlist"
        case 6: "explicitsub"
        case 7: "from-change"
        case 8: "geolocation-http"
        case 9: "geolocation-sip"
        case 10: "gin"
        case 11: "gruu"
        case 12: "histinfo"
        case 13: "ice"
        case 14: "join"
        case 15: "multiple-refer"
        case 16: "norefersub"
        case 17: "nosub"
        case 18: "outbound"
        case 19: "path"
        case 20: "policy"
        case 21: "precondition"
        case 22: "pref"
        case 23: "privacy"
        case 24: "recipient-list-invite"
        case 25: "recipient-list-message"
        case 26: "recipient-list-subscribe"
        case 27: "record-aware"
        case 28: "replaces"
        case 29: "resource-priority"
        case 30: "sdp-anat"
        case 31: "sec-agree"
        case 32: "siprec"
        case 33: "tdialog"
        case 34: "timer"
        case 35: "trickle-ice"
        case 36: "uui"
        default: ""
        }
    }

    /// Finds the tag of a token; tokens have no case (RFC 3261 §7.3.1).
    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) {
        for raw in 1...UInt8(Self.count) {
            let tag = OptionTag(rawValue: raw)
            if equalIgnoringCase(base, range, tag.text) {
                self = tag
                return
            }
        }
        self = .unknown
    }

    /// Finds the tag of a text.
    public init(_ text: String) {
        var text = text
        self = text.withUTF8 { buffer in
            guard let base = buffer.baseAddress else { return .unknown }
            return OptionTag(base, ByteRange(0, buffer.count))
        }
    }
}

extension OptionTag: CustomStringConvertible {
    public var description: String { self == .unknown ? "unknown" : String(describing: text) }
}
