import ICE
import Testing

/// RFC 8489 §5, §6.3, §14.
@Suite struct STUNMessageTests {
    private let transaction = STUNTransactionID(upper: 0x0102_0304, lower: 0x0506_0708_090A_0B0C)

    /// A Binding Request with attributes as they are given.
    private func request(_ attributes: String, length: Int? = nil, cookie: String = "2112a442", type: String = "0001")
        -> [UInt8]
    {
        let body = octets(attributes)
        let length = length ?? body.count
        return octets(type) + [UInt8(length >> 8), UInt8(length & 255)] + octets(cookie)
            + octets("0102030405060708090a0b0c") + body
    }

    private func defect(_ bytes: [UInt8]) -> STUNDefect? {
        do throws(STUNDefect) {
            _ = try STUNMessage(parsing: bytes.span.bytes)
            return nil
        } catch { return error }
    }

    @Test(
        "§6.3: what is malformed is said so",
        arguments: [
            ("", nil, "2112a442", "0001", nil), ("", nil, "2112a443", "0001", .foreign),
            ("", nil, "2112a442", "4001", .foreign), ("", nil, "2112a442", "8001", .foreign),
            ("", 4, "2112a442", "0001", .length), ("000000", nil, "2112a442", "0001", .length),
            ("80220005 00000000", nil, "2112a442", "0001", .attribute),
            ("8022ffff 00000000", nil, "2112a442", "0001", .attribute),
            ("80280004 00000000 80220000", nil, "2112a442", "0001", .order),
            ("80280002 00000000", nil, "2112a442", "0001", .order),
            ("00080013 0000000000000000000000000000000000000000", nil, "2112a442", "0001", .order),
            ("001c0014 0000000000000000000000000000000000000000", nil, "2112a442", "0001", .order),
        ] as [(String, Int?, String, String, STUNDefect?)])
    func defects(attributes: String, length: Int?, cookie: String, type: String, expected: STUNDefect?) {
        #expect(defect(request(attributes, length: length, cookie: cookie, type: type)) == expected)
    }

    @Test("§6.3: every shorter message is refused")
    func truncated() {
        let whole = VectorTests.request
        for count in whole.indices { #expect(defect([UInt8](whole.prefix(count))) != nil) }
        #expect(defect([]) == .truncated)
    }

    @Test("§5: class and method, written and read, for all of both")
    func types() throws {
        for number in 0...0xFFF as ClosedRange<UInt16> {
            for kind in STUNClass.allCases {
                let method = STUNMethod(rawValue: number)
                let bytes = message(kind, method)
                let read = try STUNMessage(parsing: bytes.span.bytes)
                #expect(read.kind == kind && read.method == method)
            }
        }
        #expect(message(.error, .binding).prefix(2) == [0x01, 0x11])
        #expect(message(.indication, .data).prefix(2) == [0x00, 0x17])
        #expect(message(.success, .allocate).prefix(2) == [0x01, 0x03])
    }

    private func message(_ kind: STUNClass, _ method: STUNMethod) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 20)
        var span = bytes.mutableSpan
        var memory = span.mutableBytes
        _ = try? STUNWriter(kind, method, transaction, into: &memory)
        return bytes
    }

    @Test("§14.5, §14.6: what stands behind an attribute of integrity is ignored, but for its kin and FINGERPRINT")
    func behindIntegrity() throws {
        let zeros = String(repeating: "00", count: 20)
        let more = String(repeating: "00", count: 32)
        let bytes = request(
            "00240004 00000001 00080014 \(zeros) 00250000 001c0020 \(more) 00060004 61626364 80280004 00000000")
        let message = try STUNMessage(parsing: bytes.span.bytes)
        #expect(message.word32(.priority, bytes) == 1)
        #expect(!message.has(.useCandidate, bytes))
        #expect(!message.has(.username, bytes))
        #expect(message.integrity != nil && message.integritySHA256 != nil && message.fingerprint != nil)
        // Nor is it in the way as something unknown.
        #expect(message.unknown(besides: STUNAttribute.basic, bytes) == [.priority])
        // MESSAGE-INTEGRITY behind that of SHA-256 is not believed.
        let turned = request("001c0020 \(more) 00080014 \(zeros)")
        #expect(read(turned).integrity == nil)
    }

    @Test("§14: of several attributes of a type the first counts; padding is of any value")
    func theFirstCounts() throws {
        let bytes = request("00060001 61ffffff 00060001 62000000")
        let message = try STUNMessage(parsing: bytes.span.bytes)
        #expect(message.octets(.username, bytes) == [0x61])
    }

    @Test("§6.3.1: unknown attributes that must be understood are named, and not too many of them")
    func unknown() throws {
        let few = request("80550000 00550000 7fff0000 00060000")
        let message = try STUNMessage(parsing: few.span.bytes)
        #expect(message.unknown(besides: STUNAttribute.basic, few).map(\.rawValue) == [0x55, 0x7FFF])
        let many = request((0..<100).map { _ in "00550000" }.joined())
        let read = try STUNMessage(parsing: many.span.bytes)
        #expect(
            read.unknown(besides: STUNAttribute.basic, many).count == STUNMessage.namedUnknown)
    }

    @Test(
        "§14.8: error codes",
        arguments: [
            ("00090004 00000401", 401), ("00090006 00000426 6f6b 0000", 438), ("00090004 00000464", nil),
            ("00090004 00000201", nil), ("00090004 00000701", nil), ("00090002 00000000", nil), ("", nil),
            ("00090004 fffffc14", 420),
        ] as [(String, Int?)])
    func errors(attribute: String, code: Int?) throws {
        // 0x401 in these octets is class 4, number 1; 0x426 is class 4, number 38.
        let bytes = request(attribute, type: "0111")
        let message = try STUNMessage(parsing: bytes.span.bytes)
        #expect(message.error(bytes).map { Int($0.rawValue) } == code)
    }

    @Test("§14.1, §14.2: addresses, combined and plain")
    func addresses() throws {
        let four = STUNAddress(ip4: 0xC000_0201, port: 32_853)
        let six = STUNAddress(ip6: 0x2001_0DB8_0000_0000_0000_0000_0000_0001, port: 1)
        var bytes = [UInt8](repeating: 0xEE, count: 200)
        var span = bytes.mutableSpan
        var memory = span.mutableBytes
        var writer = try STUNWriter(.success, .allocate, transaction, into: &memory)
        try writer.add(.mappedAddress, four, into: &memory)
        try writer.add(.alternateServer, six, into: &memory)
        try writer.add(.xorPeerAddress, six, into: &memory)
        try writer.add(.xorPeerAddress, four, into: &memory)
        try writer.add(.xorRelayedAddress, four, into: &memory)
        let written = [UInt8](bytes.prefix(writer.length))
        #expect(written[20..<32].elementsEqual(octets("00010008 00018055 c0000201")))
        let message = try STUNMessage(parsing: written.span.bytes)
        #expect(message.address(.mappedAddress, written) == four)
        #expect(message.address(.alternateServer, written) == six)
        #expect(message.addresses(.xorPeerAddress, written) == [six, four])
        #expect(message.address(.xorRelayedAddress, written) == four)
        #expect(message.address(.xorMappedAddress, written) == nil)
    }

    @Test("An address of another family or size is none")
    func brokenAddresses() throws {
        for attribute in [
            "00200008 0003a147 e112a643", "00200014 0001a147 e112a643 00000000 00000000 00000000",
            "00200008 0002a147 e112a643", "00200004 0001a147",
        ] {
            let bytes = request(attribute, type: "0101")
            let message = try STUNMessage(parsing: bytes.span.bytes)
            #expect(message.address(.xorMappedAddress, bytes) == nil)
        }
    }

    @Test("What does not fit is not written, and what was stays complete")
    func noSpace() throws {
        var bytes = [UInt8](repeating: 0, count: 30)
        var span = bytes.mutableSpan
        var memory = span.mutableBytes
        var writer = try STUNWriter(.request, .binding, transaction, into: &memory)
        try writer.add(.useCandidate, into: &memory)
        var hasFailed = false
        do throws(STUNDefect) { try writer.add(.priority, 1 as UInt32, into: &memory) } catch {
            hasFailed = error == .noSpace
        }
        #expect(hasFailed)
        #expect(writer.length == 24)
        #expect(defect([UInt8](bytes.prefix(24))) == nil)
    }

    @Test("A stream: as long as the header says, when it is a header")
    func inStream() {
        #expect(streamLength(VectorTests.request) == VectorTests.request.count)
        #expect(streamLength([UInt8](VectorTests.request.prefix(19))) == nil)
        #expect(streamLength([UInt8](VectorTests.request.prefix(20))) == 108)
        #expect(streamLength([UInt8](repeating: 0x40, count: 40)) == nil)
    }
}
