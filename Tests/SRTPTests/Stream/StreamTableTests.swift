import Testing

@testable import SRTP

@Suite struct StreamTableTests {
    @Test func sourcesAreFoundAgain() {
        var table = StreamTable()
        for ssrc in 0..<UInt32(SRTPLimits.maximumStreams) {
            let before = table.find(ssrc)
            #expect(before == nil)
            let full = table.isFull
            #expect(!full)
            let place = table.add(Stream(ssrc: ssrc))
            table[place].nextControlIndex = UInt64(ssrc)
        }
        let full = table.isFull
        #expect(full)
        for ssrc in (0..<UInt32(SRTPLimits.maximumStreams)).reversed() {
            let place = table.find(ssrc)
            let index = place.map { table[$0].nextControlIndex }
            #expect(index == UInt64(ssrc))
        }
        let stranger = table.find(9_999)
        #expect(stranger == nil)
    }
}
