/// An `a=` line: a property `a=<name>` or a value `a=<name>:<value>`. RFC 8866 §5.13.
///
/// Attributes that this module knows are typed when asked for (``RTPMap``, ``FormatParameters``, ``Direction``, …); all
/// others stay what they are.
public struct Attribute: Hashable, Sendable {
    /// Name; case matters.
    public let name: ByteString

    /// Value; `nil` for a property.
    public let value: ByteString?

    /// Makes an attribute; `nil` if the name is not a token.
    public init?(_ name: ByteString, _ value: ByteString? = nil) {
        guard name.bytes.isToken else { return nil }
        self.init(unchecked: name, value)
    }

    /// Takes a name that is known to be a token.
    init(unchecked name: ByteString, _ value: ByteString? = nil) {
        self.name = name
        self.value = value
    }

    /// Splits the value of an `a=` line at its first colon. The name is not checked: what is not understood is ignored
    /// and kept.
    init(line value: ByteString) {
        let (name, rest) = value.bytes.cut(at: .colon)
        self.name = ByteString(unchecked: name)
        self.value = rest.map(ByteString.init(unchecked:))
    }

    /// The value of the line.
    var line: ByteString {
        guard let value else { return name }
        return ByteString(unchecked: name.bytes + [.colon] + value.bytes)
    }
}

extension ByteString {
    // Names of the attributes that are typed here.
    static let rtpmap: ByteString = "rtpmap"
    static let fmtp: ByteString = "fmtp"
    static let ptime: ByteString = "ptime"
    static let maxptime: ByteString = "maxptime"
    static let rtcp: ByteString = "rtcp"
    static let rtcpMux: ByteString = "rtcp-mux"
    static let rtcpRsize: ByteString = "rtcp-rsize"
    static let mid: ByteString = "mid"
    static let group: ByteString = "group"
    static let candidate: ByteString = "candidate"
    static let remoteCandidates: ByteString = "remote-candidates"
    static let iceUfrag: ByteString = "ice-ufrag"
    static let icePwd: ByteString = "ice-pwd"
    static let iceLite: ByteString = "ice-lite"
    static let iceMismatch: ByteString = "ice-mismatch"
    static let icePacing: ByteString = "ice-pacing"
    static let iceOptions: ByteString = "ice-options"
    static let endOfCandidates: ByteString = "end-of-candidates"
    static let crypto: ByteString = "crypto"
    static let fingerprint: ByteString = "fingerprint"
    static let setup: ByteString = "setup"
    static let tlsID: ByteString = "tls-id"
}
