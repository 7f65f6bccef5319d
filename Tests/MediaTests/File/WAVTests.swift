import Foundation
import Media
import Testing

/// Where the tests of this process keep their files; the folder goes when the process ends.
private let temporaryFolder: String = {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("itodenwa-media-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    atexit { try? FileManager.default.removeItem(atPath: temporaryFolder) }
    return folder.path
}()

/// A path of its own for a test's file.
func temporaryPath(_ name: String = "sound.wav") -> String { "\(temporaryFolder)/\(UUID().uuidString)-\(name)" }

/// A WAV file made octet by octet, without the writer.
struct HandmadeWAV {
    var tag: UInt16 = 1
    var channels: UInt16 = 1
    var rate: UInt32 = 8000
    var bits: UInt16 = 16
    var blockLength: UInt16?
    var data: [UInt8] = []
    var dataSize: UInt32?
    var extra: [UInt8] = []
    var before: [UInt8] = []

    static func le(_ value: UInt16) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
    static func le(_ value: UInt32) -> [UInt8] { le(UInt16(value & 0xFFFF)) + le(UInt16(value >> 16)) }

    var octets: [UInt8] {
        let block = blockLength ?? channels * bits / 8
        let fmt =
            Self.le(tag) + Self.le(channels) + Self.le(rate) + Self.le(rate &* UInt32(block)) + Self.le(block)
            + Self.le(bits) + extra
        let body =
            Array("WAVE".utf8) + before + Array("fmt ".utf8) + Self.le(UInt32(fmt.count)) + fmt
            + Array("data".utf8) + Self.le(dataSize ?? UInt32(data.count)) + data
        return Array("RIFF".utf8) + Self.le(UInt32(body.count)) + body
    }

    func write() throws -> String {
        let path = temporaryPath()
        try Data(octets).write(to: URL(fileURLWithPath: path))
        return path
    }
}

func readAll(_ path: String, at once: Int = 1000) throws -> [Int16] {
    var reader = try WAVReader(path: path)
    var all: [Int16] = []
    var chunk = [Int16](repeating: 0, count: once)
    while true {
        var span = chunk.mutableSpan
        let count = try reader.read(into: &span)
        if count == 0 { return all }
        all += chunk[..<count]
    }
}

@Suite struct WAVReaderTests {
    /// Each encoding: octets and the samples they stand for, by the definition of the encoding.
    @Test(
        arguments: [
            (UInt16(1), UInt16(8), [0x00, 0x80, 0xFF, 0x81], [-32768, 0, 32512, 256]),
            (1, 16, [0x00, 0x80, 0xFF, 0x7F, 0x01, 0x00], [-32768, 32767, 1]),
            (1, 24, [0x00, 0x00, 0x80, 0x80, 0x01, 0x00, 0x7F, 0x01, 0x00, 0xFF, 0xFF, 0x7F], [-32768, 2, 1, 32767]),
            (
                1, 32, [0, 0, 0, 0x80, 0x00, 0x80, 0x01, 0x00, 0xFF, 0x7F, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0x7F],
                [-32768, 2, 1, 32767]
            ),
            // 1.0, −1.0, 0.5, 2.0, not a number
            (
                3, 32,
                [0, 0, 0x80, 0x3F, 0, 0, 0x80, 0xBF, 0, 0, 0, 0x3F, 0, 0, 0, 0x40, 0, 0, 0xC0, 0x7F],
                [32767, -32768, 16384, 32767, 0]
            ),
            (6, 8, [0xD5, 0x55, 0xAA, 0x2A], [8, -8, 32256, -32256]),
            (7, 8, [0xFF, 0x7F, 0x80, 0x00], [0, 0, 32124, -32124]),
        ] as [(UInt16, UInt16, [UInt8], [Int16])])
    func readsEveryEncoding(_ tag: UInt16, _ bits: UInt16, _ octets: [UInt8], _ samples: [Int16]) throws {
        let path = try HandmadeWAV(tag: tag, bits: bits, data: octets).write()
        #expect(try readAll(path) == samples)
        let extensible =
            HandmadeWAV.le(UInt16(22)) + HandmadeWAV.le(bits) + HandmadeWAV.le(UInt32(4)) + HandmadeWAV.le(tag)
            + [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        let wrapped = try HandmadeWAV(tag: 0xFFFE, bits: bits, data: octets, extra: extensible).write()
        #expect(try readAll(wrapped) == samples)
        #expect(try WAVReader(path: wrapped).format.isExtensible)
    }

    @Test func readsStereoAndPassesOverChunks() throws {
        // A LIST chunk of odd length, which is filled up to an even offset.
        let list = Array("LIST".utf8) + HandmadeWAV.le(UInt32(3)) + [1, 2, 3, 0]
        let path = try HandmadeWAV(
            channels: 2, rate: 44100, data: [1, 0, 2, 0, 3, 0, 4, 0], before: list
        ).write()
        let reader = try WAVReader(path: path)
        #expect(reader.format == WAVFormat(sampleRate: SampleRate(44100), channels: 2))
        #expect(reader.frameCount == 2)
        #expect(try readAll(path) == [1, 2, 3, 4])
        #expect(try readAll(path, at: 3) == [1, 2, 3, 4], "a buffer of odd length takes whole frames")
        #expect(try AudioClip(wavFile: path).samples == [1, 3], "stereo becomes the mean")
    }

    /// Files of writers that died: sizes that say nothing or too much.
    @Test(arguments: [UInt32(0), 0xFFFF_FFFF, 0x7FFF_FFFF, 100])
    func readsUnfinishedFilesUpToTheirEnd(_ size: UInt32) throws {
        let path = try HandmadeWAV(data: [1, 0, 2, 0, 3], dataSize: size).write()
        #expect(try readAll(path) == [1, 2])
    }

    @Test func readsOnlyWhatTheSizeSays() throws {
        let path = try HandmadeWAV(data: [1, 0, 2, 0, 3, 0], dataSize: 4).write()
        #expect(try readAll(path) == [1, 2])
    }

    @Test func seeks() throws {
        let path = try HandmadeWAV(data: [1, 0, 2, 0, 3, 0]).write()
        var reader = try WAVReader(path: path)
        reader.seek(toFrame: 2)
        var chunk = [Int16](repeating: 0, count: 4)
        var span = chunk.mutableSpan
        let count = try reader.read(into: &span)
        #expect(count == 1 && chunk[0] == 3)
        reader.seek(toFrame: 99)
        #expect(reader.position == 3)
        reader.seek(toFrame: -1)
        #expect(reader.position == 0)
    }

    static let good = HandmadeWAV(data: [1, 0, 2, 0])

    /// The error says what is wrong with the file, in words.
    @Test(
        arguments: [
            ([], WAVError.Code.truncated, "is empty"),
            (Array("RIFF".utf8), .truncated, "ends inside the RIFF header"),
            (Array("OggS00000000".utf8), .notWAV, "it is an Ogg file"),
            (Array("fLaC00000000".utf8), .notWAV, "it is a FLAC file"),
            (Array("RIFX0000WAVE".utf8), .notWAV, "it is a big-endian RIFX file"),
            (Array("RF640000WAVE".utf8), .notWAV, "it is an RF64 file"),
            (Array("RIFF0000AVI LIST".utf8), .notWAV, "it is a RIFF file of type 'AVI '"),
            ([0xFF, 0xFB] + [UInt8](repeating: 0, count: 20), .notWAV, "it is an MP3 file"),
            (Array("hello, world".utf8), .notWAV, "does not begin with RIFF and WAVE"),
            (Array("RIFF0000WAVE".utf8), .truncated, "neither format nor sound"),
            (Array(good.octets[..<36]), .truncated, "no sound (no 'data' chunk)"),
            (Array(good.octets[..<30]), .truncated, "ends inside the 'fmt ' chunk"),
            (Array(good.octets[..<12] + good.octets[36...]), .inconsistent, "before its format"),
            (HandmadeWAV(tag: 0x55).octets, .unsupported, "is encoded as MP3"),
            (HandmadeWAV(tag: 2, bits: 4, blockLength: 256).octets, .unsupported, "Microsoft ADPCM"),
            (HandmadeWAV(bits: 12, blockLength: 2).octets, .unsupported, "PCM of 12 bits"),
            (HandmadeWAV(tag: 3, bits: 64).octets, .unsupported, "floating point of 64 bits"),
            (HandmadeWAV(channels: 6).octets, .unsupported, "has 6 channels"),
            (HandmadeWAV(channels: 0).octets, .unsupported, "has 0 channels"),
            (HandmadeWAV(rate: 0).octets, .inconsistent, "a sample rate of 0 Hz"),
            (HandmadeWAV(rate: 4_000_000_000).octets, .inconsistent, "a sample rate of 4000000000 Hz"),
            (HandmadeWAV(blockLength: 3).octets, .inconsistent, "a frame has 3 octets, where 2 are needed"),
            (HandmadeWAV(tag: 0xFFFE).octets, .inconsistent, "extensible format has only 16 octets"),
            (
                HandmadeWAV(tag: 0xFFFE, extra: [UInt8](repeating: 7, count: 24)).octets, .unsupported,
                "unknown sub-format"
            ),
        ] as [([UInt8], WAVError.Code, String)])
    func saysWhatIsWrong(_ octets: [UInt8], _ code: WAVError.Code, _ words: String) throws {
        let path = temporaryPath()
        try Data(octets).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: WAVError.self) { try readAll(path) }
        #expect(error?.code == code)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "none")")
        #expect(error?.description.hasPrefix(path) == true)
    }

    @Test func saysWhyAFileCannotBeOpened() {
        let missing = #expect(throws: WAVError.self) { try readAll("/nowhere/at/all.wav") }
        #expect(missing?.code == .unreadable)
        #expect(missing?.reason == "cannot be opened: No such file or directory")
        let folder = #expect(throws: WAVError.self) { try readAll("/") }
        #expect(folder?.reason == "is no ordinary file")
        let unwritable = #expect(throws: WAVError.self) {
            let writer = try WAVWriter(path: "/nowhere/at/all.wav", format: WAVFormat())
            try writer.finish()
        }
        #expect(unwritable?.code == .unwritable)
    }

    @Test func survivesAnything() throws {
        var generator = SeededGenerator(3)
        let path = temporaryPath()
        let good = HandmadeWAV(
            tag: 0xFFFE, channels: 2, data: [UInt8](repeating: 1, count: 40),
            extra: HandmadeWAV.le(UInt16(22)) + [16, 0, 3, 0, 0, 0, 1, 0]
                + [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        ).octets
        for round in 0..<400 {
            var octets = good
            if round < good.count {
                octets = Array(good[..<round])
            } else {
                for _ in 0..<4 { octets[Int.random(in: 0..<good.count, using: &generator)] = generator.next() }
            }
            try Data(octets).write(to: URL(fileURLWithPath: path))
            _ = try? readAll(path)
        }
    }
}

@Suite struct WAVWriterTests {
    static let samples = (0..<1001).map { Int16(truncatingIfNeeded: $0 * 131 - 32768) }

    @Test func writesTheClassicHead() throws {
        let path = temporaryPath()
        var writer = try WAVWriter(path: path, format: WAVFormat())
        let three: [Int16] = [1, -2, 32767]
        try writer.write(three.span)
        try writer.finish()
        let octets = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(octets == HandmadeWAV(data: [1, 0, 0xFE, 0xFF, 0xFF, 0x7F]).octets)
    }

    /// What 16 bits can say comes back exactly from all encodings that hold as much, and rounded from the others.
    @Test(arguments: WAVFormat.Encoding.allCases, [1, 2])
    func readsBackWhatItWrote(_ encoding: WAVFormat.Encoding, _ channels: Int) throws {
        for isExtensible in [false, true] {
            let path = temporaryPath()
            let format = WAVFormat(
                encoding: encoding, sampleRate: .wideband, channels: channels, isExtensible: isExtensible)
            var writer = try WAVWriter(path: path, format: format)
            let whole = Array(Self.samples[..<1000])
            var start = 0
            for length in [0, 2, 500, 498] {
                let part = Array(whole[start..<start + length])
                try writer.write(part.span)
                start += length
            }
            #expect(writer.frameCount == Int64(1000 / channels))
            try writer.finish()
            let reader = try WAVReader(path: path)
            #expect(reader.format == format)
            let expected: [Int16] = whole.map { sample in
                switch encoding {
                case .pcm16, .pcm24, .pcm32, .float32: sample
                case .pcm8: Int16(min((Int(sample) + 128) >> 8, 127) << 8)
                case .aLaw: G711.aLaw.decode(G711.aLaw.encode(sample))
                case .muLaw: G711.muLaw.decode(G711.muLaw.encode(sample))
                }
            }
            #expect(try readAll(path) == expected)
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
            let octets = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let riff = octets[4..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
            #expect(riff + 8 == size, "the RIFF size is that of the file")
        }
    }

    @Test func oddLengthsArePadded() throws {
        let path = temporaryPath()
        var writer = try WAVWriter(path: path, format: WAVFormat(encoding: .muLaw))
        let three: [Int16] = [0, 0, 0]
        try writer.write(three.span)
        try writer.flush()
        try writer.write(three.span)
        try writer.write(three.span)
        try writer.finish()
        #expect(try readAll(path).count == 9)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count % 2 == 0)
    }

    /// While the writer lives, as after a crash, the file is readable and lacks at most half a second.
    @Test func theFileIsReadableAtAnyTime() throws {
        let path = temporaryPath()
        var writer = try WAVWriter(path: path, format: WAVFormat())
        #expect(try readAll(path) == [])
        for second in 1...20 {
            let frame = [Int16](repeating: Int16(second), count: 800)
            try writer.write(frame.span)
            let reader = try WAVReader(path: path)
            #expect(reader.frameCount >= Int64(second * 800 - 4000))
            #expect(reader.frameCount % 4000 == 0)
        }
        try writer.finish()
        #expect(try readAll(path).count == 16000)
    }

    @Test func anAbandonedWriterSavesWhatItHas() throws {
        let path = temporaryPath()
        func abandon() throws {
            var writer = try WAVWriter(path: path, format: WAVFormat())
            let frame: [Int16] = [1, 2, 3]
            try writer.write(frame.span)
        }
        try abandon()
        #expect(try readAll(path) == [1, 2, 3])
    }

    @Test func clipsGoThroughFiles() throws {
        let path = temporaryPath()
        let clip = AudioClip(samples: Self.samples, sampleRate: .fullband)
        try clip.write(wavFile: path)
        #expect(try AudioClip(wavFile: path) == clip)
        let narrow = try AudioClip(wavFile: path, rate: .narrowband)
        #expect(narrow.sampleRate == .narrowband)
        #expect(narrow.samples.count == 167)
        #expect(clip.duration == .nanoseconds(1001 * 1_000_000_000 / 48000))
    }
}
