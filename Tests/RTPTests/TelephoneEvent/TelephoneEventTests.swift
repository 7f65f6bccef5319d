import RTP
import Testing

@Suite struct TelephoneEventTests {
    /// RFC 4733 figure 3 and the bounds of each field.
    @Test(arguments: [
        ("01 94 06e0", TelephoneEvent(code: .init(rawValue: 1), isEnd: true, volume: 20, duration: 1760)),
        ("0b 0a 00a0", TelephoneEvent(code: .pound, volume: 10, duration: 160)),
        ("ff bf ffff", TelephoneEvent(code: .init(rawValue: 255), isEnd: true, volume: 63, duration: 0xFFFF)),
        ("10 00 0000", TelephoneEvent(code: .flash, duration: 0)),
    ])
    func readsAndWrites(_ hex: String, _ event: TelephoneEvent) throws {
        let payload = octets(hex)
        #expect(TelephoneEvent(in: payload) == event)
        #expect(try written { try event.write(into: &$0, at: 0) } == payload)
    }

    @Test func ignoresTheReservedBit() {
        #expect(TelephoneEvent(in: octets("05 4a 0320"))?.volume == 10)
        #expect(TelephoneEvent(in: octets("05 4a 0320"))?.isEnd == false)
    }

    @Test func readsPackedEventsUpToTheLastWholeOne() {
        let payload = octets("01 8a 0320 02 0a 00a0 03 0a")
        #expect(TelephoneEvent(at: 1, in: payload)?.code.key == "2")
        #expect(TelephoneEvent(at: 2, in: payload) == nil)
        #expect(TelephoneEvent(at: -1, in: payload) == nil)
        #expect(TelephoneEvent(in: octets("01 0a 00")) == nil)
    }

    @Test func refusesToWriteBeyondTheMemory() {
        let event = TelephoneEvent(code: .star, duration: 1)
        #expect(throws: RTPError.noSpace) { try written(capacity: 15) { try event.write(into: &$0, at: 12) } }
    }

    @Test func keysAndCodesMatchTable3() {
        for (index, key) in "0123456789*#ABCD".enumerated() {
            let code = TelephoneEvent.Code(rawValue: UInt8(index))
            #expect(TelephoneEvent.Code(key) == code)
            #expect(code.key == key)
            #expect(code.isDTMF)
        }
        #expect(TelephoneEvent.Code("d") == .init(rawValue: 15))
        #expect(TelephoneEvent.Code("E") == nil)
        #expect(TelephoneEvent.Code("é") == nil)
        #expect(TelephoneEvent.Code.flash.key == nil)
        #expect(!TelephoneEvent.Code.flash.isDTMF)
    }
}

@Suite struct TelephoneEventSenderTests {
    struct Sent: Equatable {
        let time: UInt32
        let marker: Bool
        let timestamp: UInt32
        let duration: UInt16
        let isEnd: Bool
    }

    /// Runs the sender for `intervals` of `units`; the time of a packet is the end of its interval.
    func run(
        _ sender: inout TelephoneEventSender, from start: UInt32 = 0, intervals: Int, units: UInt32
    ) -> [Sent] {
        var sent: [Sent] = []
        for interval in 0..<UInt32(intervals) {
            let timestamp = start &+ interval &* units
            guard let packet = sender.next(timestamp: timestamp, units: units) else { continue }
            sent.append(
                Sent(
                    time: timestamp &+ units, marker: packet.marker, timestamp: packet.timestamp,
                    duration: packet.event.duration, isEnd: packet.event.isEnd))
        }
        return sent
    }

    /// The third digit of RFC 4733 table 5: 220 ms at 11,200 in frames of 50 ms.
    @Test func sendsTheThirdDigitOfTable5() {
        var sender = TelephoneEventSender()
        let queued = sender.enqueue(.init("1")!, volume: 20, duration: 1760)
        #expect(queued)
        let sent = run(&sender, from: 11200, intervals: 20, units: 400)
        #expect(
            sent == [
                Sent(time: 11600, marker: true, timestamp: 11200, duration: 400, isEnd: false),
                Sent(time: 12000, marker: false, timestamp: 11200, duration: 800, isEnd: false),
                Sent(time: 12400, marker: false, timestamp: 11200, duration: 1200, isEnd: false),
                Sent(time: 12800, marker: false, timestamp: 11200, duration: 1600, isEnd: false),
                Sent(time: 13200, marker: false, timestamp: 11200, duration: 1760, isEnd: true),
                Sent(time: 13600, marker: false, timestamp: 11200, duration: 1760, isEnd: true),
                Sent(time: 14000, marker: false, timestamp: 11200, duration: 1760, isEnd: true),
            ])
        #expect(!sender.isBusy)
    }

    @Test func carriesCodeAndVolume() {
        var sender = TelephoneEventSender()
        _ = sender.enqueue(.pound, volume: 99)
        let packet = sender.next(timestamp: 0, units: 160)
        #expect(packet?.event.code == .pound)
        #expect(packet?.event.volume == 63)
    }

    /// Two digits of 100 ms: 5 updates of which the last is the first end packet, two more ends, and the second digit
    /// begins when 100 ms have passed since the first ended.
    @Test func pausesBetweenDigits() {
        var sender = TelephoneEventSender()
        _ = sender.enqueue(.init("1")!)
        _ = sender.enqueue(.init("2")!)
        let sent = run(&sender, intervals: 30, units: 160)
        #expect(sent.filter(\.marker).map(\.timestamp) == [0, 1600])
        #expect(sent.filter(\.isEnd).map(\.time) == [800, 960, 1120, 2400, 2560, 2720])
        #expect(sent.count == 14)
    }

    @Test func holdsAKeyUntilItIsReleased() {
        var sender = TelephoneEventSender()
        _ = sender.start(.star)
        var sent = run(&sender, intervals: 10, units: 160)
        #expect(sent.map(\.duration) == (1...10).map { UInt16($0 * 160) })
        #expect(sent.allSatisfy { !$0.isEnd })
        sender.stop()
        sent = run(&sender, from: 1600, intervals: 10, units: 160)
        #expect(sent.map(\.duration) == [1600, 1600, 1600])
        #expect(sent.allSatisfy { $0.isEnd && $0.timestamp == 0 })
    }

    /// A key that was released before its first packet still lasts the 40 ms of ITU-T Q.24.
    @Test func aShortPressLastsItsMinimum() {
        var sender = TelephoneEventSender()
        _ = sender.start(.star)
        sender.stop()
        let sent = run(&sender, intervals: 10, units: 160)
        #expect(sent.map(\.duration) == [160, 320, 320, 320])
        #expect(sent.map(\.isEnd) == [false, true, true, true])
    }

    /// §2.5.1.3: at 0xFFFF the segment is closed without E, three times; the next begins there without a marker.
    @Test func splitsLongEventsIntoSegments() {
        var sender = TelephoneEventSender()
        _ = sender.enqueue(.star, duration: 70_000)
        let sent = run(&sender, intervals: 500, units: 160)
        #expect(sent.filter(\.marker).count == 1)
        let first = sent.filter { $0.timestamp == 0 }
        let second = sent.filter { $0.timestamp == 65535 }
        #expect(first.count + second.count == sent.count)
        // 409 updates of 160 reach 65,440; then the three of 65,535.
        #expect(first.count == 412)
        #expect(first.suffix(3).map(\.duration) == [0xFFFF, 0xFFFF, 0xFFFF])
        #expect(first.allSatisfy { !$0.isEnd })
        // The interval after: 413 × 160 = 66,080, less 65,535.
        #expect(second.first?.duration == 545)
        #expect(second.suffix(3).map(\.duration) == [4465, 4465, 4465])
        #expect(second.suffix(4).map(\.isEnd) == [false, true, true, true])
    }

    @Test func endsAKeyThatIsNeverReleased() {
        var configuration = TelephoneEventSender.Configuration()
        configuration.maximumDuration = 1000
        var sender = TelephoneEventSender(configuration: configuration)
        _ = sender.start(.star)
        let sent = run(&sender, intervals: 100, units: 160)
        #expect(sent.map(\.duration) == [160, 320, 480, 640, 800, 960, 1000, 1000, 1000])
    }

    @Test func refusesMoreThanTheQueueHolds() {
        var sender = TelephoneEventSender()
        let taken = (0..<TelephoneEventSender.queueCapacity).map { _ in sender.enqueue(.star) }
        #expect(taken.allSatisfy { $0 })
        let refused = [sender.enqueue(.star), sender.start(.star)]
        #expect(refused == [false, false])
        _ = sender.next(timestamp: 0, units: 160)
        let free = sender.enqueue(.star)
        #expect(free, "the first has left the queue")
    }

    @Test func nothingOverflowsWithExtremeUnits() {
        var configuration = TelephoneEventSender.Configuration(clock: RTPClock(rate: .max))
        configuration.pause = .max
        var sender = TelephoneEventSender(configuration: configuration)
        _ = sender.start(.star)
        for interval in 0..<10 {
            _ = sender.next(timestamp: .max - UInt32(interval), units: .max)
        }
        sender.stop()
        for _ in 0..<10 { _ = sender.next(timestamp: .max, units: .max) }
    }
}

@Suite struct TelephoneEventReceiverTests {
    typealias Report = TelephoneEventReceiver.Report
    let one = TelephoneEvent.Code("1")!
    let two = TelephoneEvent.Code("2")!

    func reports(_ receiver: inout TelephoneEventReceiver) -> [Report] {
        var all: [Report] = []
        while let report = receiver.nextReport() { all.append(report) }
        return all
    }

    func send(
        _ events: TelephoneEvent..., to receiver: inout TelephoneEventReceiver, timestamp: UInt32,
        marker: Bool = false, at milliseconds: Int = 0
    ) {
        let payload = try? written { memory in
            var length = 0
            for event in events { length += try event.write(into: &memory, at: length) }
            return length
        }
        let header = RTPHeader(
            payloadType: 101, marker: marker, sequenceNumber: 0, timestamp: timestamp, ssrc: 1)
        receiver.receive(payload!.span.bytes, header: header, at: origin + .milliseconds(milliseconds))
    }

    /// What the sender machine sends arrives as one beginning and one end each, whatever single packet is lost.
    @Test(arguments: -1..<14)
    func hearsEachDigitOnceWhateverPacketIsLost(_ lost: Int) {
        var sender = TelephoneEventSender()
        _ = sender.enqueue(one)
        _ = sender.enqueue(two)
        var receiver = TelephoneEventReceiver()
        var number = 0
        for tick in 0..<40 {
            if let packet = sender.next(timestamp: UInt32(tick * 160), units: 160) {
                if number != lost {
                    send(packet.event, to: &receiver, timestamp: packet.timestamp, marker: packet.marker, at: tick * 20)
                }
                number += 1
            }
            receiver.expire(at: origin + .milliseconds(tick * 20))
        }
        #expect(
            reports(&receiver) == [
                .began(one), .ended(one, duration: 800, by: .reported),
                .began(two), .ended(two, duration: 800, by: .reported),
            ])
    }

    @Test func endsWhenTheEndIsLost() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 1000, marker: true, at: 0)
        send(TelephoneEvent(code: one, duration: 320), to: &receiver, timestamp: 1000, at: 20)
        #expect(receiver.current == one)
        #expect(receiver.deadline == origin + .milliseconds(170))
        receiver.expire(at: origin + .milliseconds(169))
        #expect(reports(&receiver) == [.began(one)])
        receiver.expire(at: origin + .milliseconds(170))
        #expect(reports(&receiver) == [.ended(one, duration: 320, by: .lapsed)])
        // What is heard of it later is ignored.
        send(TelephoneEvent(code: one, isEnd: true, duration: 800), to: &receiver, timestamp: 1000, at: 300)
        #expect(reports(&receiver) == [])
        #expect(receiver.ignored == 1)
        #expect(receiver.deadline == nil)
    }

    @Test func theNextEventEndsTheOneBefore() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 480), to: &receiver, timestamp: 1000)
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 2600)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 480, by: .superseded), .began(one)])
    }

    @Test func audioEndsAnEventUnlessItRunsBeside() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 480), to: &receiver, timestamp: 1000)
        receiver.noteAudio(timestamp: 900)
        #expect(receiver.current == one)
        receiver.noteAudio(timestamp: 1480)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 480, by: .superseded)])

        send(TelephoneEvent(code: two, duration: 480), to: &receiver, timestamp: 3000)
        receiver.noteAudio(timestamp: 3320)
        receiver.noteAudio(timestamp: 3480)
        #expect(receiver.current == two, "a sender of both at once")
    }

    @Test func reordersAndRepeatsAreHeardOnce() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 320), to: &receiver, timestamp: 1000)
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 1000, marker: true)
        send(TelephoneEvent(code: one, isEnd: true, duration: 480), to: &receiver, timestamp: 1000)
        send(TelephoneEvent(code: one, isEnd: true, duration: 480), to: &receiver, timestamp: 1000)
        send(TelephoneEvent(code: two, isEnd: true, duration: 480), to: &receiver, timestamp: 3000, marker: true)
        send(TelephoneEvent(code: one, isEnd: true, duration: 480), to: &receiver, timestamp: 1000)
        #expect(
            reports(&receiver) == [
                .began(one), .ended(one, duration: 480, by: .reported),
                .began(two), .ended(two, duration: 480, by: .reported),
            ])
    }

    @Test func joinsSegments() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 0xFFFF), to: &receiver, timestamp: 0xFFFF_0000, marker: true)
        send(TelephoneEvent(code: one, duration: 500), to: &receiver, timestamp: 0xFFFF_FFFF)
        send(TelephoneEvent(code: one, isEnd: true, duration: 660), to: &receiver, timestamp: 0xFFFF_FFFF)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 0xFFFF + 660, by: .reported)])
    }

    @Test func joinsSegmentsOfTheSenderMachine() {
        var sender = TelephoneEventSender()
        _ = sender.enqueue(one, duration: 200_000)
        var receiver = TelephoneEventReceiver()
        for tick in 0..<1300 {
            guard let packet = sender.next(timestamp: UInt32(tick * 160), units: 160) else { continue }
            send(packet.event, to: &receiver, timestamp: packet.timestamp, marker: packet.marker, at: tick * 20)
        }
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 200_000, by: .reported)])
    }

    /// A segment of an event that has lapsed does not begin the tone again (§2.5.2.2).
    @Test func doesNotBeginALapsedEventAgain() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 65000), to: &receiver, timestamp: 0, marker: true)
        receiver.expire(at: origin + .seconds(1))
        send(TelephoneEvent(code: one, duration: 500), to: &receiver, timestamp: 0xFFFF)
        send(TelephoneEvent(code: one, isEnd: true, duration: 660), to: &receiver, timestamp: 0xFFFF)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 65000, by: .lapsed)])
    }

    @Test func endsWhatLastsTooLong() {
        var configuration = TelephoneEventReceiver.Configuration()
        configuration.maximumDuration = 1000
        var receiver = TelephoneEventReceiver(configuration: configuration)
        send(TelephoneEvent(code: one, duration: 1001), to: &receiver, timestamp: 0)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 1000, by: .lapsed)])
    }

    /// §2.3.5: a zero duration is for states only.
    @Test func ignoresZeroDuration() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 0), to: &receiver, timestamp: 0, marker: true)
        #expect(reports(&receiver) == [])
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 0)
        #expect(reports(&receiver) == [.began(one)])
    }

    /// §2.5.1.5: packed events begin where the one before ends.
    @Test func takesPackedEvents() {
        var receiver = TelephoneEventReceiver()
        let packed = [
            TelephoneEvent(code: one, isEnd: true, duration: 400), TelephoneEvent(code: two, duration: 160),
        ]
        send(packed[0], packed[1], to: &receiver, timestamp: 1000, marker: true)
        send(TelephoneEvent(code: two, isEnd: true, duration: 480), to: &receiver, timestamp: 1400)
        #expect(
            reports(&receiver) == [
                .began(one), .ended(one, duration: 400, by: .reported),
                .began(two), .ended(two, duration: 480, by: .reported),
            ])
    }

    @Test func aClockSetFarBackIsNoRepetition() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, isEnd: true, duration: 160), to: &receiver, timestamp: 1_000_000)
        send(TelephoneEvent(code: one, isEnd: true, duration: 160), to: &receiver, timestamp: 500_000)
        #expect(reports(&receiver).count == 4)
    }

    @Test func resetEndsAndForgets() {
        var receiver = TelephoneEventReceiver()
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 1000)
        receiver.reset()
        send(TelephoneEvent(code: one, duration: 160), to: &receiver, timestamp: 1000)
        #expect(reports(&receiver) == [.began(one), .ended(one, duration: 160, by: .superseded), .began(one)])
    }

    @Test func survivesAnything() {
        var generator = SeededGenerator(9)
        var receiver = TelephoneEventReceiver()
        for round in 0..<20000 {
            let payload = (0..<Int.random(in: 0...40, using: &generator)).map { _ in generator.next() as UInt8 }
            let near = UInt32(truncatingIfNeeded: round * 100)
            let header = RTPHeader(
                payloadType: 101, marker: .random(using: &generator), sequenceNumber: 0,
                timestamp: Bool.random(using: &generator) ? near : generator.next(), ssrc: 1)
            receiver.receive(payload.span.bytes, header: header, at: origin + .milliseconds(round))
            receiver.noteAudio(timestamp: generator.next())
            receiver.expire(at: origin + .milliseconds(round))
            if round % 3 == 0 { while receiver.nextReport() != nil {} }
        }
    }
}
