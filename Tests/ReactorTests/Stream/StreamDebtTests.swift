import Reactor
import Testing

/// A peer that has closed its sending side is owed its answers still.
@Suite(.timeLimit(.minutes(1))) struct StreamDebtTests {
    /// Takes two questions, and answers them when it is told to.
    private func withQuestions(
        _ body: (RawStream, StreamConnection, StreamRecorder) async throws -> Void
    ) async throws {
        try await withStreams { threads async throws in
            let server = StreamRecorder(keepsHalfClosed: true) { connection, event in
                switch event {
                case .inputEnded: if !connection.owesAnswers { connection.close() }
                default: break
                }
            }
            let raw = try RawStream(to: try await threads.listen(server))
            let connection = try await server.nextOpened()
            raw.send("one\ntwo\n")
            #expect(try await server.lines(2) == ["one", "two"])
            for _ in 0..<2 { connection.owe() }
            try await body(raw, connection, server)
        }
    }

    @Test func theLastAnswerClosesTheConnection() async throws {
        try await withQuestions { raw, connection, server async throws in
            raw.endOutput()
            #expect(try await server.next() == .inputEnded)
            for (line, isLast) in [("first\n", false), ("second\n", true)] {
                #expect(connection.isOpen)
                connection.send(Array(line.utf8))
                connection.settle()
                #expect(connection.isOpen != isLast)
            }
            #expect(raw.rest() == "first\nsecond\n")
            #expect(try await server.next() == .closed(.remote))
        }
    }

    /// As when what comes behind the questions makes no sense.
    @Test func aConnectionThatIsToCloseGivesItsAnswersFirst() async throws {
        try await withQuestions { raw, connection, server async throws in
            connection.closeWhenSettled()
            for (line, isLast) in [("first\n", false), ("second\n", true)] {
                #expect(connection.isOpen)
                connection.send(Array(line.utf8))
                connection.settle()
                #expect(connection.isOpen != isLast)
            }
            #expect(raw.rest() == "first\nsecond\n")
        }
    }

    @Test func allAnsweredBeforeTheEndIsTheEnd() async throws {
        try await withQuestions { raw, connection, server async throws in
            for _ in 0..<3 { connection.settle() }
            #expect(!connection.owesAnswers)
            raw.endOutput()
            #expect(raw.rest() == "")
            #expect(try await server.untilClosed() == [.inputEnded, .closed(.remote)])
        }
    }
}
