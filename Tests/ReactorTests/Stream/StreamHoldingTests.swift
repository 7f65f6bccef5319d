import Reactor
import Testing

/// A stream whose owner holds its peer back, and is told when its peer reads.
@Suite(.timeLimit(.minutes(1))) struct StreamHoldingTests {
    @Test func aHeldPeerIsNotRead() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                if event == .received(["stop"]) { connection.hold() }
            }
            let raw = try RawStream(to: try await threads.listen(server))
            let connection = try await server.nextOpened()
            raw.send("stop\n")
            #expect(try await server.next() == .received(["stop"]))
            raw.send("later\n")
            // What another connection says is read before: the thread is the same, and has seen both.
            let other = try RawStream(to: try await threads.listen(server))
            #expect(try await server.nextOpened() !== connection)
            other.send("now\n")
            #expect(try await server.next() == .received(["now"]))
            connection.resume()
            #expect(try await server.next() == .received(["later"]))
            // Twice does no harm.
            connection.resume()
            raw.send("more\n")
            #expect(try await server.next() == .received(["more"]))
            withExtendedLifetime(other) {}
        }
    }

    @Test func theEndOfAHeldPeerComesBehindWhatItHasSaid() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                if event == .received(["stop"]) { connection.hold() }
            }
            let raw = try RawStream(to: try await threads.listen(server))
            let connection = try await server.nextOpened()
            raw.send("stop\n")
            #expect(try await server.next() == .received(["stop"]))
            raw.send("last\n")
            raw.endOutput()
            connection.resume()
            #expect(try await server.next() == .received(["last"]))
            #expect(try await server.next() == .inputEnded)
        }
    }

    /// One that takes much at once, of which nobody is told, and one that is asked of behind the last flush.
    @Test func theOwnerIsToldWhenLittleWaits() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.outboundLimit = 64 << 20
            let server = StreamRecorder()
            let slow = try RawStream(to: try await threads.listen(server, .ipv4, configuration), receiveBuffer: 4_096)
            let connection = try await server.nextOpened()
            #expect(!connection.askDrained(to: 0))
            // The kernel takes some megabytes; then they wait here.
            let frame = [UInt8](repeating: 120, count: 10_000)
            var count = 0
            while connection.waitingBytes < 1_000_000, count < 6_000 {
                #expect(connection.send(frame))
                count += 1
            }
            try #require(connection.askDrained(to: 1_000))
            let reading = Task.detached {
                var sum = 0
                while sum < count * frame.count {
                    let bytes = slow.some().utf8.count
                    guard bytes > 0 else { break }
                    sum += bytes
                }
                return sum
            }
            #expect(try await server.drained.next() === connection)
            #expect(connection.waitingBytes <= 1_000)
            #expect(await reading.value == count * frame.count)
            #expect(!connection.askDrained(to: 1_000))
        }
    }

    @Test func bytesPassUnparsed() {
        var framer = UnparsedFramer()
        #expect(framer.isEmpty)
        for bytes in [[1, 2], [3]] as [[UInt8]] { bytes.withUnsafeBytes { framer.append($0) } }
        let taken = framer.take()
        #expect(taken == [1, 2, 3])
        #expect(framer.isEmpty && !framer.holdsPartialFrame)
    }
}

extension UnparsedFramer {
    fileprivate var isEmpty: Bool {
        var copy = self
        return copy.next() == nil
    }

    fileprivate mutating func take() -> [UInt8]? { next() }
}
