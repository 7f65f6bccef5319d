import RTP
import Testing

@Suite struct ComfortNoiseTests {
    /// RFC 3389 §3.1, §3.2: the level, and the indices of coefficients from -1 to 1.
    @Test func readsAndWrites() throws {
        let payload = octets("4e 00 7f fe c0")
        let noise = try #require(ComfortNoise(payload))
        #expect(noise.level == 78)
        #expect(noise.order == 4)
        #expect(noise.reflection(at: 0) == Float(258 * -127) / 32768)
        #expect(noise.reflection(at: 1) == 0)
        #expect(noise.reflection(at: 2) == Float(258 * 127) / 32768)
        #expect(noise.reflection(at: 3) == Float(258 * 65) / 32768)
        #expect(noise.reflection(at: 4) == 0 && noise.reflection(at: -1) == 0)
        #expect(try written { try noise.write(into: &$0, at: 0) } == payload)
    }

    @Test func coefficientsFindTheirNearestIndex() {
        let noise = ComfortNoise(level: 30, reflection: [-1, -0.5, 0, 0.25, 1, .nan, 0.00394])
        let indices = (0..<7).map { Int((noise.reflection(at: $0) * 32768 / 258).rounded()) }
        #expect(indices == [-127, -64, 0, 32, 127, 0, 1])
        for index in 0..<7 { #expect(abs(noise.reflection(at: index)) < 1) }
    }

    @Test func anEmptyPayloadIsNone() {
        #expect(ComfortNoise([]) == nil)
        #expect(ComfortNoise(octets("1e")) == ComfortNoise(level: 30))
    }

    /// The upper bit of the level and the index 255 are reserved.
    @Test func reservedBitsAreIgnored() {
        #expect(ComfortNoise(octets("9e ff"))?.level == 30)
        #expect(ComfortNoise(octets("9e ff"))?.reflection(at: 0) == 0)
    }

    @Test func coefficientsAreBounded() throws {
        let many = [UInt8](repeating: 0x90, count: 200)
        #expect(ComfortNoise(many)?.order == ComfortNoise.maximumOrder)
        #expect(
            ComfortNoise(level: 200, reflection: Array(repeating: 0.5, count: 40)).order == ComfortNoise.maximumOrder)
        #expect(ComfortNoise(level: 200).level == 127)
    }

    @Test func refusesToWriteBeyondTheMemory() {
        let noise = ComfortNoise(level: 30, reflection: [0.5])
        #expect(throws: RTPError.noSpace) { try written(capacity: 13) { try noise.write(into: &$0, at: 12) } }
        #expect(throws: RTPError.noSpace) { try written { try noise.write(into: &$0, at: -1) } }
    }
}
