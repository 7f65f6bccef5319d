/// The block of an extended report that tells how a voice is heard (RFC 3611 §4.7).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     BT=7      |   reserved    |       block length = 8        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        SSRC of source                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   loss rate   | discard rate  | burst density |  gap density  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       burst duration          |         gap duration          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     round trip delay          |       end system delay        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | signal level  |  noise level  |     RERL      |     Gmin      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   R factor    | ext. R factor |    MOS-LQ     |    MOS-CQ     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   RX config   |   reserved    |          JB nominal           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          JB maximum           |          JB abs max           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
public struct VoIPMetrics: Hashable, Sendable {
    /// The source that the block is about.
    public var ssrc: UInt32
    /// Parts of the packets, 256ths: lost after all repair, come too late or too early to be played, and missing in bursts and gaps.
    public var lossRate: UInt8 = 0
    public var discardRate: UInt8 = 0
    public var burstDensity: UInt8 = 0
    public var gapDensity: UInt8 = 0
    /// Mean lengths of bursts and gaps, in ms.
    public var burstDuration: UInt16 = 0
    public var gapDuration: UInt16 = 0
    /// From the network to the peer's and back, and in this end system, in ms; 0 where it is not known.
    public var roundTripDelay: UInt16 = 0
    public var endSystemDelay: UInt16 = 0
    /// Levels of voice and noise, in dBm0, signed; `unavailable` where they are not known.
    public var signalLevel = Self.unavailable
    public var noiseLevel = Self.unavailable
    /// Residual echo return loss in dB.
    public var echoReturnLoss = Self.unavailable
    /// The shortest run of received packets that ends a burst.
    public var gapThreshold = UInt8(LossPattern.threshold)
    /// Rating factors, 0 to 100, and opinion scores times 10, 10 to 50.
    public var rating = Self.unavailable
    public var externalRating = Self.unavailable
    public var listeningScore = Self.unavailable
    public var conversationScore = Self.unavailable
    /// Concealment, kind and speed of the jitter buffer (§4.7.6).
    public var configuration: UInt8 = 0
    /// The jitter buffer's delay now, the most that it has now, and the most that it can have, in ms.
    public var nominalDelay: UInt16 = 0
    public var maximumDelay: UInt16 = 0
    public var absoluteMaximumDelay: UInt16 = 0

    /// What stands for a value that is not known.
    public static let unavailable: UInt8 = 127
    /// The type of the block.
    public static let blockType: UInt8 = 7
    /// ``configuration`` of enhanced concealment and an adaptive buffer, and of the same and a fixed one.
    public static let adaptiveConfiguration: UInt8 = 0b10_11_0000
    public static let fixedConfiguration: UInt8 = 0b10_10_0000

    /// Octets of the block with its head.
    static let length = 36

    /// A block that knows nothing yet of a source.
    public init(ssrc: UInt32) {
        self.ssrc = ssrc
    }

    /// Reads the block whose head is at `offset`, which has `length` octets. A rating or score out of its range counts as not known.
    init(at offset: Int, in bytes: RawSpan) {
        func octet(_ place: Int) -> UInt8 { bytes.octet(at: offset + place) }
        func word(_ place: Int) -> UInt16 { bytes.word16(at: offset + place) }
        func within(_ range: ClosedRange<UInt8>, _ value: UInt8) -> UInt8 {
            range.contains(value) ? value : Self.unavailable
        }
        ssrc = bytes.word32(at: offset + 4)
        lossRate = octet(8)
        discardRate = octet(9)
        burstDensity = octet(10)
        gapDensity = octet(11)
        burstDuration = word(12)
        gapDuration = word(14)
        roundTripDelay = word(16)
        endSystemDelay = word(18)
        signalLevel = octet(20)
        noiseLevel = octet(21)
        echoReturnLoss = octet(22)
        gapThreshold = octet(23)
        rating = within(0...100, octet(24))
        externalRating = within(0...100, octet(25))
        listeningScore = within(10...50, octet(26))
        conversationScore = within(10...50, octet(27))
        configuration = octet(28)
        nominalDelay = word(30)
        maximumDelay = word(32)
        absoluteMaximumDelay = word(34)
    }

    func write(at offset: Int, into bytes: inout MutableRawSpan) {
        bytes.store(octet: Self.blockType, at: offset)
        bytes.store(octet: 0, at: offset + 1)
        bytes.store(word16: UInt16(Self.length / 4 - 1), at: offset + 2)
        bytes.store(word32: ssrc, at: offset + 4)
        bytes.store(octet: lossRate, at: offset + 8)
        bytes.store(octet: discardRate, at: offset + 9)
        bytes.store(octet: burstDensity, at: offset + 10)
        bytes.store(octet: gapDensity, at: offset + 11)
        bytes.store(word16: burstDuration, at: offset + 12)
        bytes.store(word16: gapDuration, at: offset + 14)
        bytes.store(word16: roundTripDelay, at: offset + 16)
        bytes.store(word16: endSystemDelay, at: offset + 18)
        bytes.store(octet: signalLevel, at: offset + 20)
        bytes.store(octet: noiseLevel, at: offset + 21)
        bytes.store(octet: echoReturnLoss, at: offset + 22)
        bytes.store(octet: gapThreshold, at: offset + 23)
        bytes.store(octet: rating, at: offset + 24)
        bytes.store(octet: externalRating, at: offset + 25)
        bytes.store(octet: listeningScore, at: offset + 26)
        bytes.store(octet: conversationScore, at: offset + 27)
        bytes.store(octet: configuration, at: offset + 28)
        bytes.store(octet: 0, at: offset + 29)
        bytes.store(word16: nominalDelay, at: offset + 30)
        bytes.store(word16: maximumDelay, at: offset + 32)
        bytes.store(word16: absoluteMaximumDelay, at: offset + 34)
    }
}

/// An XR packet (RFC 3611 §2), of whose blocks the voice metrics are read.
@frozen
public struct ExtendedReport: Hashable, Sendable {
    /// Who sent it.
    public let ssrc: UInt32

    /// Where the blocks lie in the datagram.
    let blocks: Range<Int>

    init(ssrc: UInt32, blocks: Range<Int>) {
        self.ssrc = ssrc
        self.blocks = blocks
    }

    /// The voice metrics about a source, read from the datagram that was parsed; nil where there are none. Blocks of other types are
    /// passed over, and one that is broken ends the search.
    public func metrics(about ssrc: UInt32, in bytes: RawSpan) -> VoIPMetrics? {
        var offset = blocks.lowerBound
        while offset + 4 <= min(blocks.upperBound, bytes.byteCount) {
            let length = 4 * (Int(bytes.word16(at: offset + 2)) + 1)
            guard offset + length <= min(blocks.upperBound, bytes.byteCount) else { return nil }
            if bytes.octet(at: offset) == VoIPMetrics.blockType, length == VoIPMetrics.length {
                let metrics = VoIPMetrics(at: offset, in: bytes)
                if metrics.ssrc == ssrc { return metrics }
            }
            offset += length
        }
        return nil
    }
}
