import NIOCore
import NIOWebSocket
import Testing

@testable import Reactor

/// Frames as they stand on the wire: RFC 6455 §5.2, §5.3.
@Suite struct WebSocketFrameTests {
    /// The example of §5.7: "Hello", masked.
    private static let hello: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]

    private func read(_ pieces: [[UInt8]], limit: Int = 65_536) throws(WebSocketViolation) -> [WebSocketReceivedFrame] {
        var reader = WebSocketFrameReader(limit: limit)
        var frames: [WebSocketReceivedFrame] = []
        for piece in pieces {
            reader.append(ByteBuffer(bytes: piece))
            while let frame = try reader.next() { frames.append(frame) }
            reader.trim()
        }
        return frames
    }

    @Test func theExampleOfTheRFCCutAnywhere() throws {
        let two = Self.hello + [0x82, 0x80, 1, 2, 3, 4]
        for cut in 0...two.count {
            let frames = try read([Array(two[..<cut]), Array(two[cut...])])
            #expect(frames.map { String(buffer: $0.data) } == ["Hello", ""])
            #expect(frames.map(\.opcode) == [.text, .binary])
            #expect(frames.allSatisfy { $0.isMasked && $0.isLast && !$0.hasReservedBits })
        }
        #expect(try read(two.map { [$0] }).map { String(buffer: $0.data) } == ["Hello", ""])
    }

    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536])
    func lengthsAndMasks(count: Int) throws {
        let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let frames = try read([RawWebSocket.frame(2, data)])
        #expect(frames.count == 1)
        #expect(frames.first.map { Array($0.data.readableBytesView) } == data)
        // Ours have the same form but for the mask.
        var written = ByteBuffer()
        WebSocketFrameHead(.binary, count: count).write(into: &written)
        written.writeBytes(data)
        #expect(Array(written.readableBytesView) == RawWebSocket.frame(2, data, isMasked: false))
    }

    @Test(arguments: [
        (RawWebSocket.frame(1, [], length: 1_001), WebSocketErrorCode.messageTooLarge),
        ([0x81, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0], .messageTooLarge),
        (RawWebSocket.frame(9, [], isLast: false), .protocolError),
        (RawWebSocket.frame(9, [], length: 126), .protocolError),
    ])
    func whatIsRefusedBeforeItsDataCome(bytes: [UInt8], code: WebSocketErrorCode) {
        #expect(throws: WebSocketViolation(code: code)) { try read([bytes], limit: 1_000) }
    }

    @Test(arguments: [
        ("plain, and longer than a word", true), ("plus de huit octets, et des accents: é", true), ("é", true),
    ])
    func textIsUTF8(text: String, isUTF8: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes { WebSocketReceiver.isUTF8($0) } == isUTF8)
        #expect(!(Array(text.utf8) + [0xC3]).withUnsafeBytes { WebSocketReceiver.isUTF8($0) })
    }
}
