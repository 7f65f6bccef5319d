import ICE
import Testing

/// RFC 8489 §6, §14.2 and RFC 5626 §8.
@Suite struct STUNBindingTests {
    /// The transaction of the vectors in RFC 5769.
    private let transaction: [UInt8] = [0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE]
    private let source = STUNAddress(ip4: 0xC000_0201, port: 32_853)

    private func request(_ attributes: [UInt8] = [], type: [UInt8] = [0, 1], length: Int? = nil) -> [UInt8] {
        let length = length ?? attributes.count
        return type + [UInt8(length >> 8), UInt8(length & 255), 0x21, 0x12, 0xA4, 0x42] + transaction + attributes
    }

    private func answer(_ bytes: [UInt8], _ source: STUNAddress? = nil) -> [UInt8]? {
        var answer = [UInt8](repeating: 0xEE, count: STUNBinding.answerSize)
        var span = answer.mutableSpan
        var memory = span.mutableBytes
        let length = STUNBinding.answer(bytes.span.bytes, from: source ?? self.source, into: &memory)
        return length.map { [UInt8](answer.prefix($0)) }
    }

    /// The XOR-MAPPED-ADDRESS of RFC 5769 §2.2: 192.0.2.1, port 32853.
    @Test func anIPv4AddressIsTold() {
        let mapped: [UInt8] = [0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43]
        #expect(answer(request()) == [1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42] + transaction + mapped)
    }

    /// The XOR-MAPPED-ADDRESS of RFC 5769 §2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853.
    @Test func anIPv6AddressIsTold() {
        let mapped: [UInt8] = [
            0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xA1, 0x47, 0x01, 0x13, 0xA9, 0xFA, 0xA5, 0xD3, 0xF1, 0x79, 0xBC, 0x25,
            0xF4, 0xB5, 0xBE, 0xD2, 0xB9, 0xD9,
        ]
        let source = STUNAddress(
            isIPv6: true, upper: 0x2001_0DB8_1234_5678, lower: 0x0011_2233_4455_6677, port: 32_853)
        #expect(answer(request(), source) == [1, 1, 0, 24, 0x21, 0x12, 0xA4, 0x42] + transaction + mapped)
    }

    /// SOFTWARE and FINGERPRINT need not be understood, USERNAME is passed over.
    @Test func whatNeedNotBeUnderstoodIsPassedOver() {
        let software: [UInt8] = [0x80, 0x22, 0, 3, 0x61, 0x62, 0x63, 0]
        let fingerprint: [UInt8] = [0x80, 0x28, 0, 4, 1, 2, 3, 4]
        let username: [UInt8] = [0, 6, 0, 4, 1, 2, 3, 4]
        #expect(answer(request(software + username + fingerprint))?.prefix(2) == [1, 1])
    }

    @Test func whatMustBeUnderstoodAndIsNotIsNamed() {
        let priority: [UInt8] = [0, 0x24, 0, 4, 0x6E, 0, 1, 0xFF]
        let change: [UInt8] = [0, 3, 0, 4, 0, 0, 0, 6]
        let error: [UInt8] = [0, 9, 0, 4, 0, 0, 4, 20]
        #expect(
            answer(request(priority))
                == [1, 0x11, 0, 16, 0x21, 0x12, 0xA4, 0x42] + transaction + error + [0, 10, 0, 2, 0, 0x24, 0, 0])
        #expect(
            answer(request(priority + change))
                == [1, 0x11, 0, 16, 0x21, 0x12, 0xA4, 0x42] + transaction + error + [0, 10, 0, 4, 0, 0x24, 0, 3])
        // Many are not all named, so that the answer stays shorter than the question.
        let many: [UInt8] = (0..<100 as Range<UInt8>).flatMap { [0x10, $0, 0, 0] as [UInt8] }
        #expect((answer(request(many))?.count ?? .max) < many.count)
    }

    /// Indications, responses, another cookie, lengths that are not so: none is answered.
    @Test func allElseIsNotAnswered() {
        #expect(answer(request(type: [0, 0x11])) == nil)
        #expect(answer(request(type: [1, 1])) == nil)
        #expect(answer(request(type: [0, 3])) == nil)
        #expect(answer(request(length: 4)) == nil)
        #expect(answer(request([0x80, 0x22, 0, 9, 0, 0, 0, 0])) == nil)
        #expect(answer(request([0, 0, 0], length: 3)) == nil)
        #expect(answer(Array(request().prefix(19))) == nil)
        var other = request()
        other[4] = 0x22
        #expect(answer(other) == nil)
        #expect(!isSTUN(other))
        #expect(!isSTUN(Array("OPTIONS sip:a@b SIP/2.0\r\n".utf8)))
    }

    // MARK: The client

    private let asked = STUNTransactionID(upper: 0xB7E7_A701, lower: 0xBC34_D686_FA87_DFAE)

    private func outcome(_ bytes: [UInt8]) -> (STUNTransactionID, STUNBinding.Outcome)? {
        STUNBinding.outcome(bytes.span.bytes).map { ($0.transaction, $0.outcome) }
    }

    @Test func aRequestIsWhatAServerAnswers() {
        var written = [UInt8](repeating: 0xEE, count: STUNBinding.requestSize)
        var span = written.mutableSpan
        var memory = span.mutableBytes
        let length = STUNBinding.writeRequest(asked, into: &memory)
        #expect(length == STUNBinding.requestSize)
        #expect(written == request())
    }

    /// The responses of RFC 5769 §2.2 and §2.3 name these addresses; here they are read back, behind an attribute to pass over.
    @Test func theAddressInAnAnswerIsRead() throws {
        let software: [UInt8] = [0x80, 0x22, 0, 3, 0x61, 0x62, 0x63, 0]
        let fourth: [UInt8] = [0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43]
        let sixth: [UInt8] = [
            0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xA1, 0x47, 0x01, 0x13, 0xA9, 0xFA, 0xA5, 0xD3, 0xF1, 0x79, 0xBC, 0x25,
            0xF4, 0xB5, 0xBE, 0xD2, 0xB9, 0xD9,
        ]
        let source = STUNAddress(
            isIPv6: true, upper: 0x2001_0DB8_1234_5678, lower: 0x0011_2233_4455_6677, port: 32_853)
        for (attribute, expected) in [(fourth, self.source), (sixth, source)] {
            let found = try #require(outcome(request(software + attribute, type: [1, 1])))
            #expect(found == (asked, .mapped(expected)))
        }
    }

    @Test func anErrorAndAnAnswerWithoutAnAddressAreRefusals() throws {
        let fifth: [UInt8] = [0x00, 0x20, 0x00, 0x08, 0x00, 0x05, 0, 0, 0, 0, 0, 0]
        let cut: [UInt8] = [0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0, 0, 0, 0, 0, 0]
        for bytes in [
            request(type: [1, 0x11]), request(type: [1, 1]), request(fifth, type: [1, 1]),
        ] {
            let found = try #require(outcome(bytes))
            #expect(found == (asked, .refused))
        }
        for bytes in [
            request(cut, type: [1, 1]), request(), request(type: [0, 0x11]), request(type: [1, 1], length: 4), [1, 1],
        ] {
            #expect(outcome(bytes) == nil)
        }
    }
}
