import Glibc
import Reactor
import Testing

@Suite(.timeLimit(.minutes(1))) struct StreamLimitTests {
    @Test func aSlowReaderIsCutOff() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.outboundLimit = 200_000
            let server = StreamRecorder()
            let address = try await threads.listen(server, .ipv4, configuration)
            let slow = try RawStream(to: address, receiveBuffer: 4_096)
            let connection = try await server.events.next().connection
            let frame = [UInt8](repeating: 120, count: 50_000)
            // The kernel takes some megabytes of its own before the limit is reached; a thousand frames are 50.
            var taken = 0
            while taken < 1_000, connection.send(frame) { taken += 1 }
            #expect(taken >= 4 && taken < 1_000)
            #expect(try await server.next() == .closed(.slowReader))
            #expect(!connection.send(frame))
            #expect(threads.statistics.slowReaders == 1)
            withExtendedLifetime(slow) {}
            // Others are served.
            let quick = try RawStream(to: address)
            #expect(try await server.next() == .opened)
            quick.send("x\n")
            #expect(try await server.next() == .received(["x"]))
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.idleTime = .milliseconds(50)
            let server = StreamRecorder()
            let raw = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            #expect(try await server.untilClosed() == [.opened, .closed(.idle)])
            #expect(raw.rest() == "")
            #expect(threads.statistics.idle == 1)
        }
    }

    /// A frame that is begun and not finished ends the connection, however many bytes trickle in.
    @Test func anUnfinishedFrameIsCutOff() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.frameTime = .milliseconds(100)
            let server = StreamRecorder()
            let raw = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            raw.send("whole\nbeg")
            #expect(try await server.next() == .opened)
            #expect(try await server.next() == .received(["whole"]))
            raw.send("in")
            #expect(try await server.next() == .closed(.unfinishedFrame))
            #expect(threads.statistics.unfinishedFrames == 1)
        }
    }

    @Test func afterItsInputHasEndedAPeerIsStillAnswered() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                guard event == .inputEnded else { return }
                connection.send(Array("answer\n".utf8))
                connection.close()
            }
            let raw = try RawStream(to: try await threads.listen(server))
            raw.send("question\npart")
            raw.endOutput()
            #expect(raw.rest() == "answer\n")
            #expect(
                try await server.untilClosed() == [.opened, .received(["question"]), .inputEnded, .closed(.remote)])
        }
    }

    /// Much that waits is sent before the half-closed connection goes.
    @Test func aLongAnswerOutlivesTheInput() async throws {
        try await withStreams { threads async throws in
            let length = 900_000
            let server = StreamRecorder { connection, event in
                guard event == .inputEnded else { return }
                connection.send([UInt8](repeating: 120, count: length))
                connection.close()
            }
            let raw = try RawStream(to: try await threads.listen(server), receiveBuffer: 4_096)
            raw.endOutput()
            #expect(raw.rest()?.utf8.count == length)
        }
    }

    @Test func aHalfClosedConnectionHasItsTime() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.halfClosedTime = .milliseconds(50)
            let server = StreamRecorder(keepsHalfClosed: true)
            let raw = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            raw.endOutput()
            #expect(try await server.untilClosed() == [.opened, .inputEnded, .closed(.remote)])
            #expect(raw.rest() == "")
        }
    }

    @Test func anUnreadableStreamCanBeAnswered() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                guard case .misframed(let error) = event else { return }
                connection.send(Array("\(error.reason)\n".utf8))
                connection.close()
            }
            let raw = try RawStream(to: try await threads.listen(server))
            let error = StreamFramingError("line too long", beginning: Array("long".utf8))
            raw.send("good\n")
            #expect(try await server.next() == .opened)
            #expect(try await server.next() == .received(["good"]))
            raw.send("long" + String(repeating: "g", count: 200))
            #expect(try await server.next() == .misframed(error))
            // What comes thereafter is not read as frames.
            raw.send("more\nand more\n")
            raw.endOutput()
            #expect(raw.rest() == "line too long\n")
            #expect(try await server.next() == .closed(.misframed(error)))
            #expect(threads.statistics.misframed == 1)
        }
    }

    @Test func anUnreadableStreamIsClosedInAnyCase() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.closeTime = .milliseconds(50)
            let server = StreamRecorder()
            let raw = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            raw.send(String(repeating: "g", count: 101))
            let error = StreamFramingError("line too long", beginning: Array("gggg".utf8))
            #expect(try await server.untilClosed() == [.opened, .misframed(error), .closed(.misframed(error))])
            #expect(raw.rest() == "")
        }
    }

    @Test func aPeerThatDoesNotCloseIsClosed() async throws {
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.closeTime = .milliseconds(50)
            let server = StreamRecorder()
            let raw = try RawStream(to: try await threads.listen(server, .ipv4, configuration))
            let connection = try await server.events.next().connection
            connection.send(Array("bye\n".utf8))
            connection.close()
            #expect(try await server.next() == .closed(.local))
            #expect(raw.rest() == "bye\n")
        }
    }

    @Test func aBrokenConnectionSaysSo() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            var raw: RawStream? = try RawStream(to: try await threads.listen(server))
            let connection = try await server.events.next().connection
            // With nothing to linger for, closing resets.
            var linger = linger(l_onoff: 1, l_linger: 0)
            if let raw {
                setsockopt(
                    raw.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            }
            raw = nil
            #expect(
                try await server.next() == .closed(.failed(SocketError(ECONNRESET, "TCP", connection.remoteAddress))))
        }
    }

    @Test func connectionsAreLimitedInAllAndPerSource() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let admission = StreamAdmission(limit: 3, limitPerSource: 2)
            let address = try await threads.listen(server, .ipv4, StreamConfiguration(), admission: admission)
            let elsewhere = try #require(TransportAddress("127.0.0.2:0"))
            var kept: [RawStream] = []
            for _ in 0..<2 {
                kept.append(try RawStream(to: address))
                #expect(try await server.next() == .opened)
            }
            #expect(try RawStream(to: address).rest() ?? "" == "")
            kept.append(try RawStream(to: address, from: elsewhere))
            #expect(try await server.next() == .opened)
            #expect(try RawStream(to: address, from: elsewhere).rest() ?? "" == "")
            #expect(admission.count == 3)
            #expect(threads.statistics.refused == 2)
            #expect(threads.statistics.accepted == 3)
            // Room that is given back is used again.
            kept.removeFirst()
            #expect(try await server.untilClosed() == [.inputEnded, .closed(.remote)])
            kept.append(try RawStream(to: address))
            #expect(try await server.next() == .opened)
            #expect(admission.count == 3)
        }
    }

    /// Those who have proven who they are leave their places to others.
    @Test func whoIsVouchedForIsNoStranger() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let admission = StreamAdmission(limit: 100, limitPerSource: 1)
            let address = try await threads.listen(server, .ipv4, StreamConfiguration(), admission: admission)
            var kept: [RawStream] = []
            for _ in 0..<StreamAdmission.vouchedFactor {
                kept.append(try RawStream(to: address))
                let connection = try await server.nextOpened()
                #expect(try RawStream(to: address).rest() ?? "" == "")
                connection.vouch()
                connection.vouch()
            }
            kept.append(try RawStream(to: address))
            let last = try await server.nextOpened()
            // There is a limit for them too.
            last.vouch()
            #expect(try RawStream(to: address).rest() ?? "" == "")
            #expect(admission.count == StreamAdmission.vouchedFactor + 1)
            // What ends gives its place back, of whichever kind it was.
            kept.removeAll()
            while admission.count > 0 { await Task.yield() }
            for _ in 0..<3 {
                var raw: RawStream? = try RawStream(to: address)
                _ = try await server.nextOpened()
                #expect(raw != nil)
                raw = nil
                while admission.count > 0 { await Task.yield() }
            }
        }
    }

    /// Where all places are taken, the stranger who has been silent for the longest makes room.
    @Test func aSilentStrangerMakesRoom() async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let admission = StreamAdmission(limit: 100, limitPerSource: 2, leastSilence: .zero)
            let address = try await threads.listen(server, .ipv4, StreamConfiguration(), admission: admission)
            let (silent, lively) = (try RawStream(to: address), try RawStream(to: address))
            for _ in 0..<2 { #expect(try await server.next() == .opened) }
            lively.send("x\n")
            #expect(try await server.next() == .received(["x"]))
            let next = try RawStream(to: address)
            #expect(silent.rest() == "")
            var events = [try await server.next(), try await server.next()]
            if events[0] != .opened { events.reverse() }
            #expect(events == [.opened, .closed(.idle)])
            #expect(admission.count == 2)
            for raw in [lively, next] {
                raw.send("y\n")
                #expect(try await server.next() == .received(["y"]))
            }
            #expect(threads.statistics.refused == 0)
        }
    }

    /// In a process of its own, whose limit of open files is low.
    @Test func acceptingGoesOnWhenFilesWereShort() async throws {
        await #expect(processExitsWith: .success) {
            let server = StreamRecorder(answer: StreamRecorder.echo)
            let threads = StreamThreads()
            let address = try await threads.listen(server)
            // Room for seven: four clients and three of their connections.
            var limit = rlimit(rlim_cur: 256, rlim_max: 256)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            var fillers: [Int32] = []
            while case let filler = dup(0), filler >= 0 { fillers.append(filler) }
            for _ in 0..<7 { close(fillers.removeLast()) }
            var clients: [RawStream] = []
            for _ in 0..<4 { clients.append(try RawStream(to: address)) }
            for _ in 0..<3 { #expect(try await server.next() == .opened) }
            while threads.statistics.acceptErrors == 0 { await Task.yield() }
            fillers.forEach { close($0) }
            #expect(try await server.next() == .opened)
            clients[3].send("here\n")
            #expect(clients[3].some() == "here\n")
            exit(threads.statistics.accepted == 4 ? 0 : 1)
        }
    }
}
