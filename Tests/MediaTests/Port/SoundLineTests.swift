import Media
import Testing

/// Sound that goes from one call to another.
@Suite struct SoundLineTests {
    /// Two ticks of a line of 8 kHz, with what went in as rising numbers, from 1.
    private struct Ends {
        let sink: any AudioSink
        let source: any AudioSource
        private var next: Int16 = 1

        init(_ line: SoundLine) {
            source = line.makeSource()
            sink = line.makeSink()
        }

        mutating func write(_ count: Int) {
            let frame = (0..<count).map { next + Int16($0) }
            next += Int16(count)
            sink.write(frame.span)
        }

        func read(_ count: Int) -> [Int16] {
            var frame = [Int16](repeating: -1, count: count)
            var span = frame.mutableSpan
            let given = source.read(into: &span)
            #expect(given == count)
            return frame
        }
    }

    @Test("What is written is read, in order, and nothing waits")
    func even() {
        var ends = Ends(SoundLine(.narrowband))
        for turn in 0..<100 {
            ends.write(160)
            #expect(ends.read(160) == (0..<160).map { Int16(turn * 160 + $0 + 1) })
        }
    }

    @Test("A reader that is ahead gets silence once, and everything from then on")
    func readerAhead() {
        var ends = Ends(SoundLine(.narrowband))
        #expect(ends.read(160).allSatisfy { $0 == 0 })
        var heard: [Int16] = []
        for _ in 0..<20 {
            ends.write(160)
            heard += ends.read(160)
        }
        #expect(heard == (1...3200).map { Int16($0) })
    }

    @Test("Frames of other lengths cost silence at the beginning only")
    func otherFrames() {
        var ends = Ends(SoundLine(.narrowband))
        var heard: [Int16] = []
        // 30 ms go in, 20 ms come out: both are due every 60 ms.
        for _ in 0..<40 {
            ends.write(240)
            heard += ends.read(160)
            heard += ends.read(160)
            ends.write(240)
            heard += ends.read(160)
        }
        let first = heard.prefix { $0 == 0 || $0 < 480 }.count
        #expect(heard.dropFirst(first).elementsEqual((0..<heard.count - first).map { heard[first] + Int16($0) }))
        #expect(heard.filter { $0 == 0 }.count <= 320)
    }

    @Test("What waits without need is left out after a second; more than 200 ms never wait")
    func stall() {
        var ends = Ends(SoundLine(.narrowband))
        for _ in 0..<20 { ends.write(160) }
        // The oldest 200 of 400 ms are lost.
        #expect(ends.read(160).first == 1601)
        for _ in 0..<110 {
            ends.write(160)
            _ = ends.read(160)
        }
        ends.write(160)
        // 400 + 110 * 20 + 20 ms went in; 10 ms may wait behind what is read.
        let last = ends.read(160).last ?? 0
        #expect(last >= Int16((20 + 110 + 1) * 160 - 80))
    }

    @Test("A reader that comes later hears what is said from then on")
    func laterReader() {
        let line = SoundLine(.narrowband)
        var ends = Ends(line)
        for _ in 0..<5 { ends.write(160) }
        let source = line.makeSource()
        ends.write(160)
        var frame = [Int16](repeating: 0, count: 160)
        var span = frame.mutableSpan
        _ = source.read(into: &span)
        #expect(frame.first == 801)
    }
}
