import RTP
import Testing

/// Worked by hand after the routines of RFC 3550 A.1 and A.3.
@Suite struct SequenceTrackerTests {
    struct Row: CustomStringConvertible {
        let sequence: UInt16
        let outcome: SequenceTracker.Outcome
        let highest: UInt32
        let expected: UInt32
        let received: UInt32
        let lost: Int32
        var description: String { "\(sequence)" }

        init(
            _ sequence: UInt16, _ outcome: SequenceTracker.Outcome, _ highest: UInt32, _ expected: UInt32,
            _ received: UInt32, _ lost: Int32
        ) {
            self.sequence = sequence
            self.outcome = outcome
            self.highest = highest
            self.expected = expected
            self.received = received
            self.lost = lost
        }
    }

    static let orderAndGaps = [
        Row(100, .probation, 100, 0, 0, 0),
        Row(101, .validated, 101, 1, 1, 0),  // counting begins with the packet that ends probation
        Row(102, .ahead, 102, 2, 2, 0),
        Row(104, .ahead, 104, 4, 3, 1),
        Row(103, .behind, 104, 4, 4, 0),
        Row(103, .behind, 104, 4, 5, -1),  // a duplicate counts as received
        Row(104, .behind, 104, 4, 6, -2),
    ]

    static let brokenProbation = [
        Row(10, .probation, 10, 0, 0, 0),
        Row(12, .probation, 12, 0, 0, 0),
        Row(11, .probation, 11, 0, 0, 0),
        Row(12, .validated, 12, 1, 1, 0),
    ]

    static let wrap = [
        Row(65533, .probation, 65533, 0, 0, 0),
        Row(65534, .validated, 65534, 1, 1, 0),
        Row(65535, .ahead, 65535, 2, 2, 0),
        Row(1, .ahead, 65537, 4, 3, 1),
        Row(0, .behind, 65537, 4, 4, 0),
        Row(65535, .behind, 65537, 4, 5, -1),
        Row(2, .ahead, 65538, 5, 6, -1),
    ]

    static let jump = [
        Row(999, .probation, 999, 0, 0, 0),
        Row(1000, .validated, 1000, 1, 1, 0),
        Row(4000, .suspect, 1000, 1, 1, 0),  // MAX_DROPOUT ahead
        Row(1001, .ahead, 1001, 2, 2, 0),  // the old row goes on
        Row(901, .suspect, 1001, 2, 2, 0),  // MAX_MISORDER behind
        Row(801, .suspect, 1001, 2, 2, 0),
        Row(802, .restarted, 802, 1, 1, 0),  // its successor: a restart
        Row(803, .ahead, 803, 2, 2, 0),
        Row(3802, .ahead, 3802, 3001, 3, 2998),  // just below MAX_DROPOUT
        Row(3703, .behind, 3802, 3001, 4, 2997),  // just above MAX_MISORDER
        Row(40000, .suspect, 3802, 3001, 4, 2997),
        Row(40002, .suspect, 3802, 3001, 4, 2997),  // not the successor
        Row(40003, .restarted, 40003, 1, 1, 0),
    ]

    @Test(arguments: [orderAndGaps, brokenProbation, wrap, jump])
    func follows(_ rows: [Row]) {
        var tracker = SequenceTracker(firstSequence: rows[0].sequence)
        for row in rows {
            #expect(tracker.update(row.sequence) == row.outcome, "packet \(row)")
            #expect(tracker.extendedHighest == row.highest, "packet \(row)")
            #expect(tracker.expected == row.expected, "packet \(row)")
            #expect(tracker.received == row.received, "packet \(row)")
            #expect(tracker.cumulativeLost == row.lost, "packet \(row)")
        }
    }

    @Test(arguments: [UInt8(0), 1])
    func needsNoProbationWhereNoneIsAsked(_ sequential: UInt8) {
        var limits = SequenceTracker.Limits()
        limits.minimumSequential = sequential
        var tracker = SequenceTracker(firstSequence: 7, limits: limits)
        #expect(tracker.update(7) == .validated)
        #expect(tracker.update(9) == .ahead)
        #expect(tracker.expected == 3)
        #expect(tracker.cumulativeLost == 1)
    }

    @Test func countsEveryCycle() {
        var tracker = SequenceTracker(firstSequence: 0)
        for number in 0..<200_000 { _ = tracker.update(UInt16(truncatingIfNeeded: number)) }
        #expect(tracker.extendedHighest == 199_999)
        #expect(tracker.expected == 199_999)
        #expect(tracker.cumulativeLost == 0)
    }

    /// A.3: 3 of 10 lost are 76/256; duplicates never make the fraction negative; each call begins anew.
    @Test func takesTheFractionSinceTheLastReport() {
        var tracker = SequenceTracker(firstSequence: 0)
        for number: UInt16 in [0, 1, 2, 3, 5, 6, 8, 10] { _ = tracker.update(number) }
        // Base is 1: expected 1 to 10, received 1 2 3 5 6 8 10.
        #expect(tracker.takeFractionLost() == 76)
        #expect(tracker.takeFractionLost() == 0)
        for number: UInt16 in [10, 10, 11] { _ = tracker.update(number) }
        #expect(tracker.takeFractionLost() == 0)
        #expect(tracker.cumulativeLost == 1)
        for number: UInt16 in [2000] { _ = tracker.update(number) }
        // 1,989 expected, 1 received: 1988 × 256 / 1989 = 255.87.
        #expect(tracker.takeFractionLost() == 255)
    }

    /// After a restart the loss of the interval is counted from the restart, not from before.
    @Test func beginsTheFractionAnewAfterARestart() {
        var tracker = SequenceTracker(firstSequence: 0)
        for number: UInt16 in [0, 1, 2, 3] { _ = tracker.update(number) }
        _ = tracker.takeFractionLost()
        for number: UInt16 in [30000, 30001, 30003] { _ = tracker.update(number) }
        // 30001 and 30003 of three: 256/3.
        #expect(tracker.takeFractionLost() == 85)
    }

    @Test func survivesAnything() {
        var generator = SeededGenerator(5)
        for _ in 0..<200 {
            var tracker = SequenceTracker(firstSequence: generator.next())
            for _ in 0..<500 {
                _ = tracker.update(generator.next())
                #expect((-0x80_0000...0x7F_FFFF).contains(tracker.cumulativeLost))
                if Bool.random(using: &generator) { _ = tracker.takeFractionLost() }
            }
        }
    }
}
