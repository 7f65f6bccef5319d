import Foundation
import Testing

@testable import Media

/// A page of an Ogg file, read by the book (RFC 3533 §6) and not by our code.
struct ReadPage {
    let kind: UInt8
    let granule: Int64
    let serial: UInt32
    let sequence: UInt32
    let packets: [[UInt8]]
    let isIntact: Bool

    /// The whole pages of a file; nil where octets stand between them.
    static func all(_ octets: [UInt8]) -> [ReadPage]? {
        var pages: [ReadPage] = []
        var place = 0
        while place + 27 <= octets.count {
            guard octets[place..<place + 5].elementsEqual(Array("OggS".utf8) + [0]) else { return nil }
            let segments = Int(octets[place + 26])
            guard place + 27 + segments <= octets.count else { break }
            let lacing = octets[place + 27..<place + 27 + segments]
            let start = place + 27 + segments
            let end = start + lacing.reduce(0) { $0 + Int($1) }
            guard end <= octets.count else { break }
            var packets: [[UInt8]] = []
            var packet: [UInt8] = []
            var offset = start
            for length in lacing {
                packet += octets[offset..<offset + Int(length)]
                offset += Int(length)
                if length < 255 {
                    packets.append(packet)
                    packet = []
                }
            }
            var checked = Array(octets[place..<end])
            let sum = number(checked, 22, 4)
            for index in 22..<26 { checked[index] = 0 }
            pages.append(
                ReadPage(
                    kind: octets[place + 5], granule: Int64(bitPattern: number(octets, place + 6, 8)),
                    serial: UInt32(number(octets, place + 14, 4)), sequence: UInt32(number(octets, place + 18, 4)),
                    packets: packets, isIntact: packet.isEmpty && sum == UInt64(checksum(checked))))
            place = end
        }
        return pages
    }

    /// The checksum bit by bit, as a division of polynomials.
    private static func checksum(_ octets: [UInt8]) -> UInt32 {
        var rest: UInt32 = 0
        for octet in octets {
            for bit in (0..<8).reversed() {
                let carry = rest >> 31 ^ UInt32(octet >> bit & 1)
                rest = rest << 1 ^ (carry == 1 ? 0x04C1_1DB7 : 0)
            }
        }
        return rest
    }

    static func number(_ octets: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(octets[offset + $1]) << UInt64(8 * $1) }
    }
}

func octets(of path: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: path))) }

/// How strong a tone is, whatever its phase: half of its amplitude.
func strength(_ hertz: Double, in samples: some Collection<Int16>, rate: Int) -> Double {
    var sums = (0.0, 0.0)
    for (index, sample) in samples.enumerated() {
        let turn = 2 * Double.pi * hertz * Double(index) / Double(rate)
        sums.0 += Double(sample) * cos(turn)
        sums.1 += Double(sample) * sin(turn)
    }
    return (sums.0 * sums.0 + sums.1 * sums.1).squareRoot() / Double(max(1, samples.count))
}

/// One channel of two.
func channel(_ number: Int, of samples: [Int16]) -> [Int16] {
    stride(from: number, to: samples.count, by: 2).map { samples[$0] }
}

@Suite struct OggOpusTests {
    /// Left a tone of 500 Hz, right one of 1500 Hz.
    private func sound(seconds: Double, rate: SampleRate) -> [Int16] {
        (0..<Int(seconds * Double(rate.hertz))).flatMap { index -> [Int16] in
            let time = 2 * Double.pi * Double(index) / Double(rate.hertz)
            return [Int16(8000 * sin(500 * time)), Int16(8000 * sin(1500 * time))]
        }
    }

    private func write(_ sound: [Int16], to writer: OggOpusWriter) throws {
        // Parts that are no frames of the codec.
        for start in stride(from: 0, to: sound.count, by: 246) {
            let end = min(start + 246, sound.count)
            try writer.write(sound.span.extracting(start..<end))
        }
    }

    @Test(arguments: OpusEncoder.sampleRates)
    func pagesAreByTheBook(_ rate: SampleRate) throws {
        let path = temporaryPath("sound.opus")
        let said = sound(seconds: 2.37, rate: rate)
        let writer = try OggOpusWriter(path: path, sampleRate: rate, channels: 2)
        try write(said, to: writer)
        try writer.finish()
        try writer.finish()
        let pages = try #require(ReadPage.all(try octets(of: path)))
        #expect(pages.allSatisfy { $0.isIntact && $0.serial == pages[0].serial })
        #expect(pages.map(\.sequence) == (0..<UInt32(pages.count)).map { $0 })
        #expect(pages.map(\.kind) == [2] + [UInt8](repeating: 0, count: pages.count - 2) + [4])
        let head = try #require(pages[0].packets.first)
        #expect(pages[0].granule == 0 && pages[0].packets.count == 1)
        #expect(head.count == 19)
        #expect(head.starts(with: Array("OpusHead".utf8) + [1, 2]))
        #expect(ReadPage.number(head, 12, 4) == UInt64(rate.hertz))
        #expect(head[16...] == [0, 0, 0])
        let preSkip = Int64(ReadPage.number(head, 10, 2))
        #expect(preSkip > 0)
        #expect(pages[1].granule == 0 && pages[1].packets.count == 1)
        #expect(pages[1].packets[0].starts(with: Array("OpusTags".utf8)))
        // 25 packets of 20 ms on each page; the last page ends with the sound.
        for (number, page) in pages[2..<pages.count - 1].enumerated() {
            #expect(page.packets.count == 25)
            #expect(page.granule == Int64(number + 1) * 24_000)
        }
        let last = try #require(pages.last)
        #expect(last.granule == preSkip + Int64(2.37 * 48_000))
        let packets = pages[2...].flatMap(\.packets)
        #expect(packets.allSatisfy { OpusDecoder.sampleCount(of: $0.span.bytes, at: .fullband) == 960 })
        #expect((0..<960).contains(Int64(packets.count) * 960 - last.granule))
    }

    /// Each side of the call stays in its own channel.
    @Test func theChannelsStayApart() throws {
        let path = temporaryPath("sound.opus")
        let writer = try OggOpusWriter(path: path, sampleRate: .wideband, channels: 2)
        try write(sound(seconds: 2, rate: .wideband), to: writer)
        try writer.finish()
        let pages = try #require(ReadPage.all(try octets(of: path)))
        let decoder = try OpusDecoder(sampleRate: .wideband, channels: 2)
        var heard: [Int16] = []
        for packet in pages[2...].flatMap(\.packets) {
            var frame = [Int16](repeating: 0, count: 640)
            var span = frame.mutableSpan
            let count = decoder.decode(packet.span.bytes, into: &span)
            #expect(count == 640)
            heard += frame
        }
        let (left, right) = (channel(0, of: heard)[8000..<24_000], channel(1, of: heard)[8000..<24_000])
        #expect(abs(strength(500, in: left, rate: 16_000) - 4000) < 400)
        #expect(abs(strength(1500, in: right, rate: 16_000) - 4000) < 400)
        // 30 dB.
        #expect(strength(1500, in: left, rate: 16_000) < 130)
        #expect(strength(500, in: right, rate: 16_000) < 130)
    }

    @Test func aFileWithoutSoundIsWhole() throws {
        let path = temporaryPath("sound.opus")
        try OggOpusWriter(path: path, sampleRate: .wideband, channels: 2).finish()
        let pages = try #require(ReadPage.all(try octets(of: path)))
        #expect(pages.map(\.kind) == [2, 0, 4])
        let preSkip = Int64(ReadPage.number(try #require(pages[0].packets.first), 10, 2))
        #expect(pages[2].granule == preSkip)
    }

    /// A writer that dies leaves whole pages, and lacks no more than one.
    @Test func anAbandonedFileHasWholePages() throws {
        let path = temporaryPath("sound.opus")
        let writer = try OggOpusWriter(path: path, sampleRate: .wideband, channels: 2)
        for tenth in 1...40 {
            try write(sound(seconds: 0.1, rate: .wideband), to: writer)
            let all = try octets(of: path)
            let pages = try #require(ReadPage.all(all))
            #expect(pages.allSatisfy { $0.isIntact })
            #expect(pages.last.map(\.granule) ?? 0 >= Int64(tenth) * 4800 - 24_960)
        }
    }

    @Test func whatCannotBeWrittenIsRefused() {
        #expect(throws: RecordingError(.unsupported, "", "")) {
            try OggOpusWriter(path: temporaryPath("sound.opus"), sampleRate: SampleRate(44_100), channels: 2)
        }
        #expect(throws: RecordingError(.unwritable, "", "")) {
            try OggOpusWriter(path: "/nowhere/at/all.opus", sampleRate: .wideband, channels: 2)
        }
    }

    /// A packet whose length is a multiple of 255 ends with an empty segment (RFC 3533 §5).
    @Test(arguments: [0, 1, 254, 255, 256, 510, 1275, 4000])
    func packetsOfEveryLengthAreLaced(_ length: Int) throws {
        var stream = OggStream(serial: 7)
        let packet = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
        let short: [UInt8] = [9]
        stream.add(packet.span.bytes)
        stream.add(short.span.bytes)
        let page = stream.page(.inside, granule: -1)
        let read = try #require(ReadPage.all(page)?.first)
        #expect(read.packets == [packet, short])
        #expect(read.isIntact && read.granule == -1 && read.serial == 7)
        #expect(stream.isEmpty)
    }

    @Test func aPageHasNoMoreThan255Segments() throws {
        var stream = OggStream(serial: 1)
        let packet = [UInt8](repeating: 1, count: 254)
        for _ in 0..<300 { stream.add(packet.span.bytes) }
        #expect(!stream.fits(0))
        let page = stream.page(.inside, granule: 0)
        let read = try #require(ReadPage.all(page)?.first)
        #expect(read.packets.count == 255)
    }
}
