/// What is told of candidates behind an offer or answer: the body `application/trickle-ice-sdpfrag` of an INFO. RFC 8840 §9.
public struct CandidateFragment: Hashable, Sendable {
    /// The media type of the body.
    public static let mediaType = "application/trickle-ice-sdpfrag"

    /// The fragment behind the lines that every description has.
    private let description: SessionDescription

    private static let head = Array("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".utf8)

    /// Reads a body.
    ///
    /// - Throws: `SessionDescriptionError` as for a description; its limits hold here too.
    public init(parsing bytes: [UInt8]) throws(SessionDescriptionError) {
        description = try SessionDescription(parsing: Self.head + bytes)
    }

    /// A body that tells the candidates of one media description, all that are known (§4.4).
    ///
    /// - Parameters:
    ///   - tag: its `a=mid`.
    ///   - isLast: whether no others follow.
    public static func body(
        _ credentials: ICECredentials, tag: ByteString, isMultiplexed: Bool, _ candidates: [CandidateAttribute],
        isLast: Bool
    ) -> [UInt8] {
        var lines = credentials.attributes.map { "a=\($0.line)" }
        // What the `m=` line means is known from the description (§4.4).
        lines += ["m=audio 9 RTP/AVP 0", "a=mid:\(tag)"]
        if isMultiplexed { lines.append("a=rtcp-mux") }
        lines += candidates.map { "a=\($0.attribute.line)" }
        if isLast { lines.append("a=end-of-candidates") }
        return Array(lines.map { $0 + "\r\n" }.joined().utf8)
    }

    /// What is said of one media description; its `m=` line means nothing (§4.4).
    ///
    /// - Parameter tag: its `a=mid`; nil where it has none: then it is the only one.
    public func media(_ tag: ByteString?) -> MediaDescription? {
        guard let tag else { return description.media.count == 1 ? description.media[0] : nil }
        return description.media.first { $0.identification == tag }
    }

    /// The credentials that say of which generation the candidates are.
    public func iceCredentials(of media: MediaDescription) -> ICECredentials? { description.iceCredentials(of: media) }

    /// Whether no others follow.
    public func endsCandidates(of media: MediaDescription) -> Bool {
        media.endsCandidates || description.endsCandidates
    }
}
