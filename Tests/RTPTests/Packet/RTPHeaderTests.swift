import RTP
import Testing

@Suite struct RTPHeaderTests {
    /// RFC 4733 figure 3: payload type 100, sequence number 18, timestamp 11,200, SSRC 0x5234a8, four octets of payload.
    static let figure3 = octets("80 64 0012 00002bc0 005234a8 01 94 06e0")

    @Test func readsTheExampleOfRFC4733() throws {
        let header = try RTPHeader(parsing: Self.figure3)
        #expect(!header.marker)
        #expect(header.payloadType == 100)
        #expect(header.sequenceNumber == 18)
        #expect(header.timestamp == 11200)
        #expect(header.ssrc == 0x5234A8)
        #expect(header.contributingSourceCount == 0)
        #expect(header.extensionProfile == nil)
        #expect(header.payload == 12..<16)
        #expect(header.paddingLength == 0)
    }

    @Test func readsSourcesExtensionAndPadding() throws {
        let packet = octets(
            """
            b2 80 ffff 00000001 00000002
            11111111 22222222
            bede 0002 0102030405060708
            aabbcc 000003
            """)
        let header = try RTPHeader(parsing: packet)
        #expect(header.marker)
        #expect(header.payloadType == 0)
        #expect(header.sequenceNumber == 0xFFFF)
        #expect(header.contributingSourceCount == 2)
        #expect(header.contributingSource(at: 0, in: packet) == 0x1111_1111)
        #expect(header.contributingSource(at: 1, in: packet) == 0x2222_2222)
        #expect(header.contributingSource(at: 2, in: packet) == nil)
        #expect(header.contributingSource(at: -1, in: packet) == nil)
        #expect(header.extensionProfile == 0xBEDE)
        #expect(header.extensionData == 24..<32)
        #expect(header.headerLength == 32)
        #expect(header.payload == 32..<35)
        #expect(header.paddingLength == 3)
    }

    @Test(arguments: [
        ("", RTPError.truncated),
        ("80 00 0001 00000001 000000", .truncated),
        ("40 00 0001 00000001 00000001", .version),
        ("c0 00 0001 00000001 00000001", .version),
        ("81 00 0001 00000001 00000001", .truncated),
        ("8f 00 0001 00000001 00000001 00000000", .truncated),
        ("90 00 0001 00000001 00000001", .truncated),
        ("90 00 0001 00000001 00000001 bede 0001", .truncated),
        ("90 00 0001 00000001 00000001 bede ffff 00000000", .truncated),
        ("a0 00 0001 00000001 00000001", .padding),
        ("a0 00 0001 00000001 00000001 aabb00", .padding),
        ("a0 00 0001 00000001 00000001 aabb04", .padding),
    ])
    func refuses(_ hex: String, _ error: RTPError) {
        let packet = octets(hex)
        #expect(throws: error) { try RTPHeader(parsing: packet) }
    }

    @Test func takesAPacketOfPaddingOnly() throws {
        let header = try RTPHeader(parsing: octets("a0 00 0001 00000001 00000001 000003"))
        #expect(header.payloadLength == 0)
        #expect(header.payload == 12..<12)
    }

    @Test func writesTheExampleOfRFC4733() throws {
        let header = RTPHeader(payloadType: 100, sequenceNumber: 18, timestamp: 11200, ssrc: 0x5234A8)
        let packet = try written { memory in
            let start = try header.write(into: &memory)
            let event = TelephoneEvent(code: .init(rawValue: 1), isEnd: true, volume: 20, duration: 1760)
            return start + (try event.write(into: &memory, at: start))
        }
        #expect(packet == Self.figure3)
    }

    @Test func refusesToWriteWhatDoesNotFit() {
        let header = RTPHeader(payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 0)
        let none: [UInt32] = []
        let sixteen = [UInt32](repeating: 1, count: 16)
        let empty: [UInt8] = []
        let odd: [UInt8] = [1, 2, 3]
        #expect(throws: RTPError.noSpace) { try written(capacity: 11) { try header.write(into: &$0) } }
        #expect(throws: RTPError.noSpace) {
            try written(capacity: 15) {
                try header.write(
                    into: &$0, contributingSources: none.span, profile: 1, extensionData: empty.span.bytes)
            }
        }
        #expect(throws: RTPError.unrepresentable) {
            try written {
                try header.write(
                    into: &$0, contributingSources: sixteen.span, profile: nil, extensionData: empty.span.bytes)
            }
        }
        #expect(throws: RTPError.unrepresentable) {
            try written {
                try header.write(
                    into: &$0, contributingSources: none.span, profile: 1, extensionData: odd.span.bytes)
            }
        }
        #expect(throws: RTPError.padding) { try written { try RTPHeader.pad(&$0, length: 12, by: 0) } }
        #expect(throws: RTPError.noSpace) {
            try written(capacity: 14) { try RTPHeader.pad(&$0, length: 12, by: 3) }
        }
    }

    /// What is written is read back the same, for random headers with every optional part.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func readsBackWhatItWrote(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let header = RTPHeader(
            payloadType: .random(in: 0...127, using: &generator), marker: .random(using: &generator),
            sequenceNumber: generator.next(), timestamp: generator.next(), ssrc: generator.next())
        let sources = (0..<Int.random(in: 0...15, using: &generator)).map { _ in generator.next() as UInt32 }
        let profile: UInt16? = Bool.random(using: &generator) ? generator.next() : nil
        let data = (0..<4 * Int.random(in: 0...8, using: &generator)).map { _ in generator.next() as UInt8 }
        let extra = profile == nil ? [] : data
        let payload = (0..<Int.random(in: 0...400, using: &generator)).map { _ in generator.next() as UInt8 }
        let padding = UInt8.random(in: 0...20, using: &generator)

        let packet = try written { memory in
            var length = try header.write(
                into: &memory, contributingSources: sources.span, profile: profile, extensionData: extra.span.bytes)
            for octet in payload {
                memory.storeBytes(of: octet, toByteOffset: length, as: UInt8.self)
                length += 1
            }
            return padding == 0 ? length : try RTPHeader.pad(&memory, length: length, by: padding)
        }
        let read = try RTPHeader(parsing: packet)
        #expect(read.marker == header.marker)
        #expect(read.payloadType == header.payloadType)
        #expect(read.sequenceNumber == header.sequenceNumber)
        #expect(read.timestamp == header.timestamp)
        #expect(read.ssrc == header.ssrc)
        #expect((0..<sources.count).map { read.contributingSource(at: $0, in: packet) } == sources)
        #expect(read.extensionProfile == profile)
        #expect(Array(packet[read.extensionData]) == extra)
        #expect(Array(packet[read.payload]) == payload)
        #expect(read.paddingLength == Int(padding))
    }

    /// Random octets and every truncation give a header inside of the packet, or an error; never a trap.
    @Test func survivesAnything() {
        var generator = SeededGenerator(7)
        for _ in 0..<20000 {
            var packet = (0..<Int.random(in: 0...64, using: &generator)).map { _ in generator.next() as UInt8 }
            if !packet.isEmpty, Bool.random(using: &generator) { packet[0] = packet[0] & 0x3F | 0x80 }
            guard let header = try? RTPHeader(parsing: packet) else { continue }
            #expect(header.payload.lowerBound >= 12)
            #expect(header.payload.upperBound + header.paddingLength == packet.count)
            #expect(header.extensionData.upperBound == header.headerLength)
        }
    }
}
