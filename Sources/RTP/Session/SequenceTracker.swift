/// Accounts for the sequence numbers of one source: validity (RFC 3550 A.1) and loss (A.3).
///
/// A new source is on probation until some packets came in sequence. Then numbers up to `maximumDropout` ahead or
/// `maximumMisorder` behind are valid; a larger jump is believed when the next packet continues it, as after a restart
/// of the sender, and counting begins anew.
public struct SequenceTracker: Hashable, Sendable {
    /// The parameters of RFC 3550 A.1 with their values there.
    @frozen
    public struct Limits: Hashable, Sendable {
        /// How far ahead of the highest a number may be, in packets: one minute at 50 packets per second.
        public var maximumDropout: UInt16 = 3000

        /// How far behind the highest a number may be, in packets: two seconds.
        public var maximumMisorder: UInt16 = 100

        /// Packets in sequence that make a source valid.
        public var minimumSequential: UInt8 = 2

        /// The values of the RFC.
        public init() {}
    }

    /// What a packet's sequence number says.
    @frozen
    public enum Outcome: Hashable, Sendable {
        /// The source is not yet valid; the packet may be kept until it is.
        case probation

        /// The packet ended the probation: the source is valid and counting begins with it.
        case validated

        /// A number ahead of the highest: the next, or one behind a gap.
        case ahead

        /// A number at or behind the highest: duplicate or out of order.
        case behind

        /// A jump too large to believe yet; the packet is not counted.
        case suspect

        /// The second packet of such a jump: the sender began anew, and so does counting.
        case restarted

        /// Whether the RFC's routine would call the packet valid.
        @inlinable
        public var isValid: Bool { self != .probation && self != .suspect }
    }

    /// The limits that are applied.
    public let limits: Limits

    /// Packets received since counting began, late and duplicate ones too.
    public private(set) var received: UInt32 = 0

    /// Highest sequence number received.
    public private(set) var highest: UInt16

    private var cycles: UInt32 = 0
    private var base: UInt16
    private var bad: UInt32 = Self.noSequence
    private var probation: UInt8
    private var expectedPrior: UInt32 = 0
    private var receivedPrior: UInt32 = 0

    /// One more than the modulus, which no sequence number equals.
    private static let noSequence: UInt32 = 0x1_0001

    /// Starts probation for a source whose first packet carries `sequence`; give that packet to `update(_:)` too.
    public init(firstSequence sequence: UInt16, limits: Limits = Limits()) {
        self.limits = limits
        probation = limits.minimumSequential
        base = sequence
        highest = sequence &- 1
    }

    /// Whether the source has passed probation.
    public var isValidated: Bool { probation == 0 }

    /// Packets in sequence that are still missing to the end of probation.
    public var remainingProbation: UInt8 { probation }

    /// Takes the sequence number of a packet.
    public mutating func update(_ sequence: UInt16) -> Outcome {
        guard probation == 0 else { return updateOnProbation(sequence) }
        if received == 0 {
            // Only with no probation wanted: the first packet is the base.
            begin(at: sequence)
            return .validated
        }
        let delta = sequence &- highest
        var outcome = Outcome.behind
        if delta < limits.maximumDropout {
            outcome = delta == 0 ? .behind : .ahead
            if sequence < highest { cycles &+= 0x1_0000 }
            highest = sequence
        } else if UInt32(delta) <= 0x1_0000 - UInt32(limits.maximumMisorder) {
            guard UInt32(sequence) == bad else {
                bad = UInt32(sequence &+ 1)
                return .suspect
            }
            begin(at: sequence)
            return .restarted
        }
        received &+= 1
        return outcome
    }

    private mutating func updateOnProbation(_ sequence: UInt16) -> Outcome {
        guard sequence == highest &+ 1 else {
            // This packet is the first of a new row, which may be all that was asked for.
            highest = sequence
            probation = limits.minimumSequential - 1
            if probation == 0 {
                begin(at: sequence)
                return .validated
            }
            return .probation
        }
        highest = sequence
        probation -= 1
        guard probation == 0 else { return .probation }
        begin(at: sequence)
        return .validated
    }

    private mutating func begin(at sequence: UInt16) {
        base = sequence
        highest = sequence
        bad = Self.noSequence
        cycles = 0
        received = 1
        receivedPrior = 0
        expectedPrior = 0
    }
}

extension SequenceTracker {
    /// Highest sequence number received, extended by the count of cycles.
    public var extendedHighest: UInt32 { cycles &+ UInt32(highest) }

    /// Packets that should have come since counting began; zero while on probation.
    public var expected: UInt32 {
        isValidated && received > 0 ? extendedHighest &- UInt32(base) &+ 1 : 0
    }

    /// Packets lost since counting began, held within the 24 bits of a report; negative when there were duplicates.
    public var cumulativeLost: Int32 {
        let lost = Int64(Int32(bitPattern: expected &- received))
        return Int32(max(-0x80_0000, min(lost, 0x7F_FFFF)))
    }

    /// Packets lost since the last call, in 256ths of those expected; zero when duplicates outweigh losses (A.3).
    public mutating func takeFractionLost() -> UInt8 {
        let expectedNow = expected
        let expectedInterval = expectedNow &- expectedPrior
        let receivedInterval = received &- receivedPrior
        expectedPrior = expectedNow
        receivedPrior = received
        let lost = Int64(expectedInterval) - Int64(receivedInterval)
        guard expectedInterval != 0, lost > 0 else { return 0 }
        // A loss of all that were expected is 256/256, which eight bits cannot hold.
        return UInt8(min(255, (lost << 8) / Int64(expectedInterval)))
    }
}
