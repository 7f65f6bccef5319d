import SIP
import Testing

@Suite struct ByteRangeTests {
    @Test func boundsFollowStartAndCount() {
        let range = ByteRange(3, 9)
        #expect(range.lowerBound == 3)
        #expect(range.upperBound == 9)
        #expect(range.count == 6)
        #expect(!range.isEmpty)
        #expect(ByteRange.none.isEmpty)
    }
}
