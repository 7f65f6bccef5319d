import ICE
import Reactor
import Testing

@testable import Relay

/// What a client sends by a connection: messages until one asks for a connection for data, and octets from there on.
@Suite struct TURNConnectionFramerTests {
    private let mark = TURNConnectionFramer.mark
    /// A ConnectionBind request without attributes, and an Allocate request.
    private let binding = Self.request(0x0B)
    private let allocate = Self.request(0x03)

    private static func request(_ method: UInt8) -> [UInt8] {
        [0, method, 0, 0, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 12)
    }

    private func frames(_ pieces: [[UInt8]]) throws -> (frames: [[UInt8]], isPartial: Bool) {
        var framer = TURNConnectionFramer()
        var frames: [[UInt8]] = []
        for piece in pieces {
            piece.withUnsafeBytes { framer.append($0) }
            while let frame = try framer.next() { frames.append(frame) }
        }
        return (frames, framer.holdsPartialFrame)
    }

    @Test("Messages, then a request to bind, then octets as they come, whatever they look like")
    func changes() throws {
        let data: [UInt8] = [0xFF, 0x40, 0, 0xFF, 0xFF]
        let all = try frames([allocate + binding + data, [9], allocate])
        #expect(all.frames == [allocate, binding, [mark] + data, [mark, 9], [mark] + allocate])
        #expect(!all.isPartial)
    }

    @Test("Wherever the stream is cut")
    func cuts() throws {
        let stream = allocate + binding + [1, 2, 3]
        for cut in 0...stream.count {
            let all = try frames([Array(stream[..<cut]), Array(stream[cut...])]).frames
            #expect(all.prefix(2) == [allocate, binding])
            #expect(all.dropFirst(2).flatMap { $0.dropFirst() } == [1, 2, 3])
            #expect(all.dropFirst(2).allSatisfy { $0.first == mark })
        }
        #expect(try frames([Array(binding.dropLast())]).isPartial)
    }

    @Test("What is no message ends it before, and not behind")
    func nonsense() {
        #expect(throws: StreamFramingError.self) { try frames([allocate + [0x80, 0, 0, 0]]) }
        // The mark cannot be sent by a client that has not asked.
        #expect(throws: StreamFramingError.self) { try frames([[mark, 0, 0, 0]]) }
    }
}
