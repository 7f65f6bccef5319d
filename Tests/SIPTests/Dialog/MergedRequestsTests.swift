import SIP
import Testing

@Suite struct MergedRequestsTests {
    @Test("RFC 3261 §8.2.2.2: the same request on another way is merged, as long as the first goes on")
    func merged() throws {
        var merged = MergedRequests()
        let invite = try DialogMessages.request()
        #expect(try !merged.isMerged(invite, transaction: 1))
        #expect(try merged.isMerged(invite, transaction: 2))
        #expect(try !merged.isMerged(invite, transaction: 1))
        #expect(merged.count == 1)
        merged.end(transaction: 2)
        #expect(try merged.isMerged(invite, transaction: 3))
        merged.end(transaction: 1)
        #expect(try !merged.isMerged(invite, transaction: 4))
        #expect(merged.count == 1)
        merged.end(transaction: 4)
        #expect(merged.count == 0)
    }

    @Test("RFC 3261 §8.2.2.2: another From tag, Call-ID, number or method is another request; a To tag is a dialog's")
    func others() throws {
        var merged = MergedRequests()
        #expect(try !merged.isMerged(DialogMessages.request(), transaction: 1))
        #expect(try !merged.isMerged(DialogMessages.request(fromTag: "eve"), transaction: 2))
        #expect(try !merged.isMerged(DialogMessages.request(callID: "call-2"), transaction: 3))
        #expect(try !merged.isMerged(DialogMessages.request(sequence: 315), transaction: 4))
        #expect(try !merged.isMerged(DialogMessages.request("MESSAGE"), transaction: 5))
        #expect(merged.count == 5)
        #expect(try !merged.isMerged(DialogMessages.request(toTag: "bob"), transaction: 6))
        #expect(merged.count == 5)
    }
}
