import RTP
import Testing

@Suite struct RTPReceiverTests {
    func header(_ sequence: UInt16, _ timestamp: UInt32) -> RTPHeader {
        RTPHeader(payloadType: 0, sequenceNumber: sequence, timestamp: timestamp, ssrc: 0xABCD)
    }

    @Test func reportsWhatItReceived() {
        var receiver = RTPReceiver(first: header(10, 1600), at: origin, clock: .narrowband)
        // 10 is probation; 13 is lost; 15 comes 20 ms late.
        for (sequence, late) in [(10, 0), (11, 0), (12, 0), (14, 0), (15, 20)] {
            let outcome = receiver.receive(
                header(UInt16(sequence), UInt32(sequence) * 160),
                at: origin + .milliseconds((sequence - 10) * 20 + late))
            #expect(outcome == (sequence == 10 ? .probation : sequence == 11 ? .validated : .ahead))
        }
        #expect(receiver.hasNews)
        let block = receiver.reportBlock(at: origin + .seconds(1))
        // Expected 11 to 15, received 4: 1/5 of 256 is 51; one difference of 160 units gives 160/16 = 10.
        #expect(
            block
                == ReportBlock(
                    ssrc: 0xABCD, fractionLost: 51, cumulativeLost: 1, highestSequence: 15, jitter: 10,
                    lastSenderReport: 0, delaySinceLastSenderReport: 0))
        #expect(!receiver.hasNews)
    }

    @Test func carriesTheLastSenderReport() {
        var receiver = RTPReceiver(first: header(10, 1600), at: origin, clock: .narrowband)
        receiver.receive(
            SenderInfo(
                time: NTPTimestamp(seconds: 0xB44D_B705, fraction: 0x2000_0000), timestamp: 0, packetCount: 0,
                octetCount: 0),
            at: origin)
        let block = receiver.reportBlock(at: origin + .milliseconds(5250))
        #expect(block.lastSenderReport == 0xB705_2000)
        #expect(block.delaySinceLastSenderReport == 0x5_4000)
    }

    @Test func aJumpOfTimestampsAtARestartIsNoJitter() {
        var receiver = RTPReceiver(first: header(10, 0), at: origin, clock: .narrowband)
        for number in 0..<10 {
            _ = receiver.receive(
                header(UInt16(10 + number), UInt32(number * 160)), at: origin + .milliseconds(20 * number))
        }
        _ = receiver.receive(header(30000, 7_000_000), at: origin + .milliseconds(200))
        #expect(receiver.receive(header(30001, 7_000_160), at: origin + .milliseconds(220)) == .restarted)
        #expect(receiver.jitter == 0)
    }
}

@Suite struct RTPSenderTests {
    @Test func numbersStampsAndCounts() {
        var sender = RTPSender(ssrc: 7, sequence: 65535, timestamp: .max - 159, clock: .narrowband, at: origin)
        let first = sender.nextHeader(payloadType: 8, marker: true, payloadLength: 160)
        sender.advance(by: 160)
        let second = sender.nextHeader(payloadType: 8, marker: false, payloadLength: 160)
        sender.advance(by: 160)
        let event = sender.nextHeader(payloadType: 101, marker: true, payloadLength: 4, timestamp: 0)
        #expect(first == RTPHeader(payloadType: 8, marker: true, sequenceNumber: 65535, timestamp: .max - 159, ssrc: 7))
        #expect(second == RTPHeader(payloadType: 8, sequenceNumber: 0, timestamp: 0, ssrc: 7))
        #expect(event == RTPHeader(payloadType: 101, marker: true, sequenceNumber: 1, timestamp: 0, ssrc: 7))
        #expect(sender.packetCount == 3)
        #expect(sender.octetCount == 324)
        #expect(sender.timestamp == 160)
    }

    /// The RTP timestamp of a report is that of the report's own moment, not of the last packet (§6.4.1).
    @Test func tiesTheMediaClockToTheWallclock() {
        let wallclock = WallclockReference(instant: origin, wallclock: NTPTimestamp(seconds: 1000, fraction: 0))
        var sender = RTPSender(ssrc: 7, sequence: 0, timestamp: 5000, clock: .narrowband, at: origin)
        sender.advance(by: 160)
        sender.mark(origin + .milliseconds(20))
        _ = sender.nextHeader(payloadType: 0, marker: false, payloadLength: 160)
        let info = sender.senderInfo(at: origin + .milliseconds(270), wallclock: wallclock)
        #expect(info.timestamp == 5160 + 2000)
        #expect(info.time == NTPTimestamp(seconds: 1000, fraction: 0x451E_B851))
        #expect(info.packetCount == 1)
        #expect(info.octetCount == 160)
    }

    @Test func takesAnotherSourceAfterACollision() {
        var generator = SeededGenerator(1)
        var same = generator
        var sender = RTPSender(clock: .narrowband, at: origin, using: &generator)
        let old = sender.ssrc
        _ = sender.nextHeader(payloadType: 0, marker: false, payloadLength: 160)
        _ = same.next()
        sender.changeSource(avoiding: old, using: &generator)
        #expect(sender.ssrc != old)
        #expect(sender.packetCount == 0)
        #expect(sender.octetCount == 0)
    }

    @Test func neverTakesAnIdentifierThatIsTaken() {
        struct Constant: RandomNumberGenerator {
            func next() -> UInt64 { 5 }
        }
        var generator = Constant()
        var sender = RTPSender(ssrc: 5, sequence: 0, timestamp: 0, clock: .narrowband, at: origin)
        sender.changeSource(avoiding: 6, using: &generator)
        #expect(sender.ssrc != 5)
        #expect(sender.ssrc != 6)
    }
}
