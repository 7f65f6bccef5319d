import RTP
import Testing

/// Octets written by hand after the figures of RFC 3550 §6.4 to §6.6.
enum Vectors {
    /// §6.4.1 with one block: the sender's time of figure 2, 11 packets lost of late, 70 in all.
    static let senderReport = octets(
        """
        81 c8 000c 12345678
        b44db705 20000000 00003e80 00000064 00003e80
        87654321 0b 000046 00020005 00000011 b7052000 00054000
        """)

    /// §6.4.2 with two blocks, of which the second has gained 2 packets by duplicates.
    static let receiverReport = octets(
        """
        82 c9 000d 0badcafe
        00000001 00 000000 0000ffff 00000000 00000000 00000000
        00000002 00 fffffe 0001000a 00000007 00000000 00000000
        """)

    /// §6.5: one chunk with CNAME "a@example" (9 octets) and its end on the boundary.
    static let description = octets("81 ca 0004 12345678 01 09 614065 78616d706c65 00")

    /// §6.6: two sources and the reason "camera malfunction" (18 octets), filled up to a boundary.
    static let goodbye = octets(
        "82 cb 0007 12345678 9abcdef0 12 63616d657261 206d616c66756e6374696f6e 00")

    /// An APP packet (§6.7) and an unknown type.
    static let application = octets("83 cc 0002 12345678 69746f64")
    static let unknown = octets("80 df 0001 12345678")
}

@Suite struct RTCPParsingTests {
    @Test func readsASenderReport() throws {
        let bytes = Vectors.senderReport
        var compound = try RTCPCompound(checking: bytes)
        guard case .senderReport(let report)? = compound.next(in: bytes) else {
            Issue.record("no sender report")
            return
        }
        #expect(report.ssrc == 0x1234_5678)
        #expect(report.info.time == NTPTimestamp(seconds: 0xB44D_B705, fraction: 0x2000_0000))
        #expect(report.info.timestamp == 16000)
        #expect(report.info.packetCount == 100)
        #expect(report.info.octetCount == 16000)
        #expect(report.blocks.count == 1)
        let block = ReportBlock(
            ssrc: 0x8765_4321, fractionLost: 11, cumulativeLost: 70, highestSequence: 0x2_0005, jitter: 17,
            lastSenderReport: 0xB705_2000, delaySinceLastSenderReport: 0x5_4000)
        #expect(report.blocks.block(at: 0, in: bytes) == block)
        #expect(report.blocks.block(about: 0x8765_4321, in: bytes) == block)
        #expect(report.blocks.block(at: 1, in: bytes) == nil)
        #expect(report.blocks.block(about: 1, in: bytes) == nil)
        #expect(compound.next(in: bytes) == nil)
    }

    @Test func readsAReceiverReportWithNegativeLoss() throws {
        let bytes = Vectors.receiverReport
        var compound = try RTCPCompound(checking: bytes)
        guard case .receiverReport(let report)? = compound.next(in: bytes) else {
            Issue.record("no receiver report")
            return
        }
        #expect(report.ssrc == 0x0BAD_CAFE)
        #expect(report.blocks.count == 2)
        #expect(report.blocks.block(at: 1, in: bytes)?.cumulativeLost == -2)
    }

    @Test func readsACompoundAndPassesOverTheUnknown() throws {
        let bytes =
            Vectors.senderReport + Vectors.receiverReport + Vectors.description + Vectors.application
            + Vectors.unknown + Vectors.goodbye
        var compound = try RTCPCompound(checking: bytes)
        var order: [String] = []
        while let packet = compound.next(in: bytes) {
            switch packet {
            case .senderReport: order.append("SR")
            case .receiverReport: order.append("RR")
            case .sourceDescription(let description):
                let name = try #require(description.canonicalName(of: 0x1234_5678, in: bytes))
                order.append(String(decoding: bytes[name], as: UTF8.self))
                #expect(description.canonicalName(of: 1, in: bytes) == nil)
            case .goodbye(let goodbye):
                #expect(goodbye.sourceCount == 2)
                #expect(goodbye.source(at: 0, in: bytes) == 0x1234_5678)
                #expect(goodbye.names(0x9ABC_DEF0, in: bytes))
                #expect(!goodbye.names(0, in: bytes))
                let reason = try #require(goodbye.reason)
                order.append(String(decoding: bytes[reason], as: UTF8.self))
            case .extendedReport: order.append("XR")
            case .other(let type, let count, let body): order.append("\(type)/\(count)/\(body.count)")
            }
        }
        #expect(order == ["SR", "RR", "a@example", "204/3/8", "223/0/4", "camera malfunction"])
    }

    @Test func readsSeveralChunksAndItems() throws {
        // Chunk 1: CNAME "ab", TOOL "x", end; chunk 2: nothing; chunk 3: CNAME of no octets.
        let bytes = octets(
            """
            80 c9 0001 00000001
            83 ca 0007 00000001 01 02 6162 06 01 78 00
                       00000002 00000000
                       00000003 01 00 0000
            """)
        var compound = try RTCPCompound(checking: bytes)
        _ = compound.next(in: bytes)
        guard case .sourceDescription(let description)? = compound.next(in: bytes) else {
            Issue.record("no description")
            return
        }
        #expect(description.chunkCount == 3)
        var items = description.items
        var seen: [[Int]] = []
        while let item = items.next(in: bytes) {
            seen.append([Int(item.ssrc), Int(item.type), item.text.count])
        }
        #expect(seen == [[1, 1, 2], [1, 6, 1], [3, 1, 0]])
        #expect(!items.isMalformed)
    }

    /// Each rule of RFC 3550 A.2, and contents shorter than their counts.
    @Test(arguments: [
        ("", RTCPError.truncated),
        ("80 c9 00", .truncated),
        ("80 c9 0001 00000001 00", .truncated),
        ("40 c9 0001 00000001", .version),
        ("81 ca 0002 00000001 01000000", .firstPacket),
        ("80 cc 0002 00000001 00000000", .firstPacket),
        ("80 c9 0002 00000001", .length),
        ("80 c9 0000 00000001", .contents),
        ("80 c9 0001 00000001 40 ca 0000", .version),
        ("a0 c9 0002 00000001 00000004 80 c9 0001 00000001", .padding),
        ("a0 c9 0002 00000001 00000000", .padding),
        ("a0 c9 0002 00000001 00000003", .padding),
        ("a0 c9 0002 00000001 0000000c", .padding),
        ("a0 c9 0000 ", .padding),
        ("80 c9 0001 00000001 a0 cb 0000", .padding),
        ("81 c9 0001 00000001", .contents),
        ("80 c8 0005 00000001 00000000 00000000 00000000 00000000", .contents),
        ("80 c9 0001 00000001 81 ca 0001 00000001", .contents),
        ("80 c9 0001 00000001 81 ca 0002 00000001 01 05 6162", .contents),
        ("80 c9 0001 00000001 82 ca 0002 00000001 00000000", .contents),
        ("80 c9 0001 00000001 82 cb 0001 00000001", .contents),
        ("80 c9 0001 00000001 81 cb 0002 00000001 05616263", .contents),
    ])
    func refuses(_ hex: String, _ error: RTCPError) {
        let bytes = octets(hex)
        #expect(throws: error) { try RTCPCompound(checking: bytes) }
    }

    @Test func takesPaddingOnTheLastPacket() throws {
        let bytes = octets("80 c9 0001 00000001 a1 cb 0003 00000001 00000000 00000008")
        var compound = try RTCPCompound(checking: bytes)
        _ = compound.next(in: bytes)
        guard case .goodbye(let goodbye)? = compound.next(in: bytes) else {
            Issue.record("no goodbye")
            return
        }
        #expect(goodbye.reason == nil)
        #expect(goodbye.source(at: 0, in: bytes) == 1)
    }

    @Test func takesReducedSizeOnlyWhereNegotiated() throws {
        let bytes = Vectors.goodbye
        #expect(throws: RTCPError.firstPacket) { try RTCPCompound(checking: bytes) }
        var compound = try RTCPCompound(checking: bytes, allowsReducedSize: true)
        #expect(compound.next(in: bytes) != nil)
    }

    @Test func readsNothingFromAnotherDatagram() throws {
        let bytes = Vectors.senderReport
        let other = [UInt8](repeating: 0xFF, count: bytes.count)
        let longer = bytes + bytes
        var compound = try RTCPCompound(checking: bytes)
        #expect(compound.next(in: longer) == nil)
        #expect(compound.next(in: other) == nil)
        #expect(compound.next(in: bytes) == nil)
    }

    /// Random octets, and every truncation and single-octet change of good packets, never trap.
    @Test func survivesAnything() {
        var generator = SeededGenerator(11)
        let good = Vectors.senderReport + Vectors.description + Vectors.goodbye
        for length in 0...good.count { drain(Array(good[..<length])) }
        for _ in 0..<20000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = generator.next()
            }
            drain(bytes)
            drain((0..<4 * Int.random(in: 0...20, using: &generator)).map { _ in generator.next() as UInt8 })
        }
    }

    private func drain(_ bytes: [UInt8]) {
        guard var compound = try? RTCPCompound(checking: bytes, allowsReducedSize: true) else { return }
        while let packet = compound.next(in: bytes) {
            switch packet {
            case .senderReport(let report):
                for index in 0..<report.blocks.count {
                    #expect(report.blocks.block(at: index, in: bytes) != nil)
                }
            case .receiverReport(let report):
                for index in 0..<report.blocks.count {
                    #expect(report.blocks.block(at: index, in: bytes) != nil)
                }
            case .sourceDescription(let description):
                var items = description.items
                while let item = items.next(in: bytes) { #expect(item.text.upperBound <= bytes.count) }
            case .goodbye(let goodbye):
                #expect((goodbye.reason?.upperBound ?? 0) <= bytes.count)
            case .extendedReport(let report): _ = report.metrics(about: 1, in: bytes.span.bytes)
            case .other(_, _, let body): #expect(body.upperBound <= bytes.count)
            }
        }
    }
}

@Suite struct RTCPWriterTests {
    @Test func writesTheVectors() throws {
        let senderBlocks = [
            ReportBlock(
                ssrc: 0x8765_4321, fractionLost: 11, cumulativeLost: 70, highestSequence: 0x2_0005, jitter: 17,
                lastSenderReport: 0xB705_2000, delaySinceLastSenderReport: 0x5_4000)
        ]
        let receiverBlocks = [
            ReportBlock(
                ssrc: 1, fractionLost: 0, cumulativeLost: 0, highestSequence: 0xFFFF, jitter: 0, lastSenderReport: 0,
                delaySinceLastSenderReport: 0),
            ReportBlock(
                ssrc: 2, fractionLost: 0, cumulativeLost: -2, highestSequence: 0x1_000A, jitter: 7,
                lastSenderReport: 0, delaySinceLastSenderReport: 0),
        ]
        let info = SenderInfo(
            time: NTPTimestamp(seconds: 0xB44D_B705, fraction: 0x2000_0000), timestamp: 16000, packetCount: 100,
            octetCount: 16000)
        let name = Array("a@example".utf8)
        let bytes = try written { memory in
            var writer = RTCPWriter()
            try writer.senderReport(ssrc: 0x1234_5678, info: info, blocks: senderBlocks.span, into: &memory)
            try writer.receiverReport(ssrc: 0x0BAD_CAFE, blocks: receiverBlocks.span, into: &memory)
            try writer.canonicalName(ssrc: 0x1234_5678, name: name.span.bytes, into: &memory)
            return writer.length
        }
        #expect(bytes == Vectors.senderReport + Vectors.receiverReport + Vectors.description)
    }

    @Test(arguments: [
        ("", "81 cb 0001 00000009"), ("bye", "81 cb 0002 00000009 03 627965"),
        ("bye!", "81 cb 0003 00000009 04 62796521 000000"),
    ])
    func writesGoodbye(_ reason: String, _ hex: String) throws {
        let text = Array(reason.utf8)
        let bytes = try written { memory in
            var writer = RTCPWriter()
            try writer.goodbye(ssrc: 9, reason: text.span.bytes, into: &memory)
            return writer.length
        }
        #expect(bytes == octets(hex))
    }

    /// Every length of a CNAME ends with at least one null on a boundary of four, and is read back.
    @Test func namesOfEveryLengthReadBack() throws {
        let none: [ReportBlock] = []
        for length in 0...255 {
            let name = [UInt8](repeating: 0x61, count: length)
            let bytes = try written { memory in
                var writer = RTCPWriter()
                try writer.receiverReport(ssrc: 5, blocks: none.span, into: &memory)
                try writer.canonicalName(ssrc: 5, name: name.span.bytes, into: &memory)
                return writer.length
            }
            #expect(bytes.count % 4 == 0)
            #expect(bytes.last == 0)
            var compound = try RTCPCompound(checking: bytes)
            _ = compound.next(in: bytes)
            guard case .sourceDescription(let description)? = compound.next(in: bytes) else {
                Issue.record("no description")
                return
            }
            #expect(description.canonicalName(of: 5, in: bytes)?.count == length)
        }
    }

    @Test func reportsOfEveryCountReadBack() throws {
        var generator = SeededGenerator(3)
        for count in 0...RTCPWriter.maximumCount {
            let blocks = (0..<count).map { _ in
                ReportBlock(
                    ssrc: generator.next(), fractionLost: generator.next(),
                    cumulativeLost: .random(in: -0x80_0000...0x7F_FFFF, using: &generator),
                    highestSequence: generator.next(), jitter: generator.next(), lastSenderReport: generator.next(),
                    delaySinceLastSenderReport: generator.next())
            }
            let bytes = try written { memory in
                var writer = RTCPWriter()
                try writer.receiverReport(ssrc: 5, blocks: blocks.span, into: &memory)
                return writer.length
            }
            var compound = try RTCPCompound(checking: bytes)
            guard case .receiverReport(let report)? = compound.next(in: bytes) else {
                Issue.record("no report")
                return
            }
            #expect((0..<count).map { report.blocks.block(at: $0, in: bytes) } == blocks)
        }
    }

    @Test func lossIsHeldWithin24Bits() throws {
        for (lost, held) in [(Int32.max, Int32(0x7F_FFFF)), (.min, -0x80_0000)] {
            let blocks = [
                ReportBlock(
                    ssrc: 1, fractionLost: 0, cumulativeLost: lost, highestSequence: 0, jitter: 0,
                    lastSenderReport: 0, delaySinceLastSenderReport: 0)
            ]
            let bytes = try written { memory in
                var writer = RTCPWriter()
                try writer.receiverReport(ssrc: 5, blocks: blocks.span, into: &memory)
                return writer.length
            }
            var compound = try RTCPCompound(checking: bytes)
            guard case .receiverReport(let report)? = compound.next(in: bytes) else {
                Issue.record("no report")
                return
            }
            #expect(report.blocks.block(at: 0, in: bytes)?.cumulativeLost == held)
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        let none: [ReportBlock] = []
        let block = ReportBlock(
            ssrc: 1, fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0, lastSenderReport: 0,
            delaySinceLastSenderReport: 0)
        let tooMany = [ReportBlock](repeating: block, count: 32)
        let long = [UInt8](repeating: 0x61, count: 256)
        var memory = [UInt8](repeating: 0xEE, count: 1024)
        var space = memory.mutableSpan
        var bytes = space.mutableBytes
        var writer = RTCPWriter()
        #expect(throws: RTCPError.unrepresentable) {
            try writer.receiverReport(ssrc: 1, blocks: tooMany.span, into: &bytes)
        }
        #expect(throws: RTCPError.unrepresentable) {
            try writer.canonicalName(ssrc: 1, name: long.span.bytes, into: &bytes)
        }
        #expect(throws: RTCPError.unrepresentable) {
            try writer.goodbye(ssrc: 1, reason: long.span.bytes, into: &bytes)
        }
        #expect(writer.length == 0)
        var small = [UInt8](repeating: 0xEE, count: 15)
        var smallSpan = small.mutableSpan
        var few = smallSpan.mutableBytes
        try writer.receiverReport(ssrc: 1, blocks: none.span, into: &few)
        #expect(throws: RTCPError.noSpace) { try writer.receiverReport(ssrc: 1, blocks: none.span, into: &few) }
        #expect(writer.length == 8)
        #expect(Array(small[8...]) == [UInt8](repeating: 0xEE, count: 7))
    }
}
