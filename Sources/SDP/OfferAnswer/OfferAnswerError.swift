/// Why an `m=` line of an offer was not accepted.
public enum RefusalReason: String, Hashable, Sendable {
    /// The port is zero: the stream is disabled by the one who offers (RFC 3264 §5.1).
    case disabled
    /// There is no local stream of the media type.
    case unsupportedMedia
    /// There are local streams of the media type, but earlier lines have taken them.
    case noFreeStream
    /// The transport is not understood.
    case unsupportedTransport
    /// Neither the media nor the session has a `c=` line.
    case missingConnection
    /// The address is of a multicast group, or of another network than the Internet.
    case unsupportedAddress
    /// The address is of another family than the local one, and an answer must use the offer's (RFC 6157 §4.1) where no checks are made.
    case incompatibleFamily
    /// There is no codec in common.
    case noCommonCodec
    /// Refused for a reason outside of the description.
    case declined
    /// The peer refused the line of a local offer.
    case refusedByPeer
}

/// An `m=` line that is not in use, and why.
public struct RefusedMedia: Hashable, Sendable, CustomStringConvertible {
    /// Place of the line among the `m=` lines, the first being 0.
    public let index: Int

    /// Media type of the line.
    public let media: ByteString

    /// Transport of the line.
    public let transport: ByteString

    /// Why it is not in use.
    public let reason: RefusalReason

    /// The line and the reason for a person to read.
    public var description: String { "m= line \(index + 1) (\(media) \(transport)): \(reason.rawValue)" }
}

/// Why an offer or an answer cannot be made or taken.
public struct OfferAnswerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kind of error; more may be added. The SIP response that fits is named with each.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// Stable name for logs and tests.
        public let rawValue: String

        /// Makes a code of a name.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// An offer came while one of ours waits for its answer: 491 (RFC 3261 §14.2).
        public static let glare = Code(rawValue: "glare")
        /// An offer waits for our answer already: 500 with Retry-After (RFC 3261 §14.2).
        public static let offerPending = Code(rawValue: "offerPending")
        /// There is no offer to answer, or none of ours that an answer could be for.
        public static let noOffer = Code(rawValue: "noOffer")
        /// No `m=` line can be accepted: 488.
        public static let noAcceptableMedia = Code(rawValue: "noAcceptableMedia")
        /// A new offer has fewer `m=` lines than the session: 488 (RFC 3264 §8).
        public static let mediaRemoved = Code(rawValue: "mediaRemoved")
        /// An answer does not fit its offer; the offer is rolled back.
        public static let mismatchedAnswer = Code(rawValue: "mismatchedAnswer")
        /// Two local streams have the same identifier, or a format has no payload type left.
        public static let invalidCapabilities = Code(rawValue: "invalidCapabilities")
    }

    /// Kind of error.
    public let code: Code

    /// What is wrong, for a person to read.
    public let reason: String

    /// The lines that were refused, when that is the error.
    public let refused: [RefusedMedia]

    init(_ code: Code, _ reason: String, refused: [RefusedMedia] = []) {
        self.code = code
        self.reason = reason
        self.refused = refused
    }

    /// The reason.
    public var description: String { reason }
}
