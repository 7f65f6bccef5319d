import SDP
import Testing

@Suite struct DescriptionLimitsTests {
    private static let head = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"

    private func code(_ text: String, _ limits: DescriptionLimits = .init()) -> SessionDescriptionError.Code? {
        do {
            _ = try SessionDescription(parsing: Array(text.utf8), limits: limits)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func defaults() {
        let limits = DescriptionLimits()
        #expect(limits.size == 65_536)
        #expect(limits.lines == 4096)
        #expect(limits.mediaDescriptions == 64)
        #expect(limits.attributes == 512)
        #expect(limits.formats == 128)
    }

    @Test func size() {
        let padding = String(repeating: "x", count: DescriptionLimits.defaultSize - Self.head.utf8.count - 3)
        #expect(code(Self.head + "a=\(padding)\n") == nil)
        #expect(code(Self.head + "a=\(padding)x\n") == .limitExceeded)
    }

    @Test func sizeOfBorrowedMemory() {
        let bytes = [UInt8](repeating: 0x61, count: DescriptionLimits.defaultSize + 1000)
        let fromBuffer = #expect(throws: SessionDescriptionError.self) {
            try bytes.withUnsafeBytes { try SessionDescription(parsing: $0) }
        }
        let fromSpan = #expect(throws: SessionDescriptionError.self) {
            try SessionDescription(parsing: bytes.span.bytes)
        }
        #expect(fromBuffer?.code == .limitExceeded)
        #expect(fromSpan?.code == .limitExceeded)
    }

    @Test func lines() {
        var limits = DescriptionLimits()
        limits.lines = 6
        #expect(code(Self.head + "i=x\n", limits) == nil)
        #expect(code(Self.head + "i=x\ni=x\n", limits) == .limitExceeded)
        #expect(code(Self.head + "\n\n", limits) == .limitExceeded)
        let many = String(repeating: "x=\n", count: DescriptionLimits.defaultLines - 5)
        #expect(code(Self.head + many) == nil)
        #expect(code(Self.head + many + "x=\n") == .limitExceeded)
    }

    @Test func mediaDescriptions() {
        let most = String(repeating: "m=audio 0 RTP/AVP 0\n", count: DescriptionLimits.defaultMediaDescriptions)
        #expect(code(Self.head + most) == nil)
        #expect(code(Self.head + most + "m=audio 0 RTP/AVP 0\n") == .limitExceeded)
    }

    @Test func attributesOfEachSection() {
        let most = String(repeating: "a=x\n", count: DescriptionLimits.defaultAttributes)
        let media = "m=audio 0 RTP/AVP 0\n"
        #expect(code(Self.head + most + media + most + media + most) == nil)
        #expect(code(Self.head + most + "a=x\n") == .limitExceeded)
        #expect(code(Self.head + media + most + "a=x\n") == .limitExceeded)
    }

    @Test func formats() {
        let most = (0..<DescriptionLimits.defaultFormats).map { " \($0)" }.joined()
        #expect(code(Self.head + "m=audio 1 RTP/AVP\(most)\n") == nil)
        #expect(code(Self.head + "m=audio 1 RTP/AVP\(most) 0\n") == .limitExceeded)
    }
}
