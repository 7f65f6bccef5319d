import RTP
import Testing

@Suite struct RedundantPayloadTests {
    /// The example of RFC 2198 §7 in its shape: an LPC block of 14 octets, 160 samples ago, and a DVI4 block of 84.
    @Test func readsTheExampleOfTheRFC() throws {
        // F = 1, PT 7, offset 160, length 14; F = 0, PT 5.
        let payload = octets("87 02 80 0e 05") + Array(repeating: 0xAA, count: 14) + Array(repeating: 0xBB, count: 84)
        let parsed = try RedundantPayload(parsing: payload, timestamp: 1000)
        #expect(parsed.redundantCount == 1)
        #expect(parsed.primary.payloadType == 5)
        #expect(parsed.primary.timestamp == 1000)
        #expect(parsed.primary.octets == 19..<103)
        let block = try #require(parsed.redundant(at: 0, in: payload))
        #expect(block.payloadType == 7)
        #expect(block.timestamp == 840)
        #expect(block.octets == 5..<19)
        #expect(parsed.redundant(at: 1, in: payload) == nil)
        #expect(parsed.redundant(at: -1, in: payload) == nil)
    }

    @Test func thePrimaryBlockMayStandAloneOrBeEmpty() throws {
        #expect(try RedundantPayload(parsing: octets("08 d5"), timestamp: 1).primary.octets == 1..<2)
        #expect(try RedundantPayload(parsing: octets("08"), timestamp: 1).primary.octets.isEmpty)
        #expect(try RedundantPayload(parsing: octets("88 00 40 01 08 d5"), timestamp: 1).primary.octets.isEmpty)
    }

    @Test(arguments: ["", "88", "88 00 40 01", "88 00 40 02 08 d5", "88 00 43 ff 88 00 43 ff 08"])
    func whatEndsTooEarlyIsRefused(_ hex: String) {
        #expect(throws: RTPError.truncated) { try RedundantPayload(parsing: octets(hex), timestamp: 0) }
    }

    @Test func blocksAreBounded() throws {
        func payload(_ blocks: Int) -> [UInt8] {
            (0..<blocks).flatMap { _ in octets("88 02 80 00") } + octets("08")
        }
        let most = payload(RedundantPayload.maximumBlocks)
        #expect(try RedundantPayload(parsing: most, timestamp: 0).redundantCount == RedundantPayload.maximumBlocks)
        let more = payload(RedundantPayload.maximumBlocks + 1)
        #expect(throws: RTPError.unrepresentable) { try RedundantPayload(parsing: more, timestamp: 0) }
    }

    /// The greatest offset goes back over the beginning of the timestamps.
    @Test func timestampsTurnAround() throws {
        let payload = octets("88 ff fc 00 08")
        let parsed = try RedundantPayload(parsing: payload, timestamp: 1)
        #expect(parsed.redundant(at: 0, in: payload)?.timestamp == 1 &- RedundantPayload.maximumOffset)
    }
}

@Suite struct RedundancySenderTests {
    /// A sender whose packets are arrays: the macros of the tests take no changes of a variable.
    private final class Line {
        var sender: RedundancySender

        init(depth: Int) { sender = RedundancySender(depth: depth) }

        func write(_ payload: [UInt8], _ timestamp: UInt32, capacity: Int = 1500) -> [UInt8] {
            written(capacity: capacity) {
                sender.write(payload.span.bytes, payloadType: 8, timestamp: timestamp, into: &$0, at: 0)
            }
        }
    }

    /// What is written can be read, and holds the payloads before it, oldest first.
    @Test(arguments: 0...RedundancySender.maximumDepth)
    func eachPacketHoldsThoseBefore(_ depth: Int) throws {
        let line = Line(depth: depth)
        for number in 0..<20 {
            let timestamp = UInt32(number * 160) &- 800
            let payload = line.write([UInt8](repeating: UInt8(number), count: 10 + number), timestamp)
            let parsed = try RedundantPayload(parsing: payload, timestamp: timestamp)
            #expect(parsed.redundantCount == min(depth, number))
            #expect(payload[parsed.primary.octets].allSatisfy { $0 == UInt8(number) })
            #expect(parsed.primary.octets.count == 10 + number)
            for index in 0..<parsed.redundantCount {
                let age = parsed.redundantCount - index
                let block = try #require(parsed.redundant(at: index, in: payload))
                #expect(block.timestamp == timestamp &- UInt32(age * 160))
                #expect(block.payloadType == 8)
                #expect(
                    Array(payload[block.octets]) == [UInt8](repeating: UInt8(number - age), count: 10 + number - age))
            }
        }
    }

    @Test func theDepthChangesInTheCall() throws {
        let line = Line(depth: 9)
        #expect(line.sender.depth == RedundancySender.maximumDepth)
        for number in 0..<6 { _ = line.write([1], UInt32(number * 160)) }
        line.sender.depth = 1
        #expect(try RedundantPayload(parsing: line.write([1], 960), timestamp: 960).redundantCount == 1)
        line.sender.depth = -3
        #expect(line.write([1], 1120) == octets("08 01"))
        line.sender.reset()
        line.sender.depth = 2
        #expect(line.write([2], 1280) == octets("08 02"))
    }

    /// What 14 bits of offset or 10 bits of length cannot say is left out.
    @Test func whatCannotBeSaidIsLeftOut() throws {
        let line = Line(depth: 2)
        _ = line.write([1], 0)
        #expect(line.write([2], 0x3FFF) == octets("88 ff fc 01 08 01 02"))
        #expect(line.write([3], 0x8000) == octets("08 03"))
        _ = line.write([UInt8](repeating: 4, count: 1024), 0x80A0)
        #expect(line.write([5], 0x8140) == octets("08 05"))
        // A timestamp again: the block would be the same time as the packet.
        #expect(line.write([6], 0x8140) == octets("08 06"))
    }

    @Test func olderBlocksGiveWayWhereThereIsNoRoom() throws {
        let line = Line(depth: 2)
        _ = line.write([1, 1, 1], 0)
        _ = line.write([2, 2, 2], 160)
        let packet = line.write([3, 3, 3], 320, capacity: 12)
        #expect(packet == octets("88 02 80 03 08 020202 030303"))
        #expect(line.write([4, 4, 4], 480, capacity: 3) == [])
        // It is kept although it was not sent.
        #expect(line.write([5], 640, capacity: 12).prefix(4) == octets("88 02 80 03")[...])
    }
}
