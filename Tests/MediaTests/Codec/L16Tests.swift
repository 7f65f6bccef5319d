import Media
import Testing

@Suite struct L16Tests {
    @Test func samplesAreInNetworkOrder() {
        let frame: [Int16] = [0x0102, -2, .min, .max]
        var memory = [UInt8](repeating: 0xEE, count: 10)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let length = L16.encode(frame.span, into: &bytes, at: 1)
        #expect(length == 8)
        #expect(memory == [0xEE, 1, 2, 0xFF, 0xFE, 0x80, 0, 0x7F, 0xFF, 0xEE])
        var samples = [Int16](repeating: 7, count: 5)
        var space = samples.mutableSpan
        let count = L16.decode(memory.span.bytes.extracting(1..<9), into: &space, at: 1)
        #expect(count == 4)
        #expect(samples == [7] + frame)
    }

    @Test func takesNoMoreThanFits() {
        let frame = [Int16](repeating: 1, count: 4)
        var memory = [UInt8](repeating: 0, count: 7)
        var span = memory.mutableSpan
        var bytes = span.mutableBytes
        let lengths = [
            L16.encode(frame.span, into: &bytes), L16.encode(frame.span, into: &bytes, at: 6),
            L16.encode(frame.span, into: &bytes, at: -1),
        ]
        #expect(lengths == [6, 0, 0])
        var samples = [Int16](repeating: 0, count: 2)
        var space = samples.mutableSpan
        let counts = [
            L16.decode(memory.span.bytes, into: &space), L16.decode(memory.span.bytes, into: &space, at: 2),
            L16.decode(memory.span.bytes, into: &space, at: -1),
        ]
        #expect(counts == [2, 0, 0])
    }

    @Test(arguments: [8000, 16_000, 44_100, 48_000])
    func theClockIsTheRate(_ hertz: Int) {
        let codec = AudioCodec.l16(SampleRate(hertz))
        #expect(codec.clockRate == codec.sampleRate)
        #expect(codec.payloadCapacity(samples: hertz / 50) == hertz / 25)
        #expect(codec.staticPayloadType == (hertz == 44_100 ? 11 : nil))
    }
}
