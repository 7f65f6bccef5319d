import SIP
import Testing

@Suite struct StreamFramerTests {
    private let one = Array("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 3\r\n\r\nabc".utf8)
    private let two = Array("SIP/2.0 200 OK\r\nl: 0\r\n\r\n".utf8)

    @Test func cutsTheSameMessagesHoweverTheStreamIsCut() throws {
        let stream = one + two + Array("\r\n\r\n".utf8) + one
        for step in 1...stream.count {
            var framer = StreamFramer()
            var frames: [StreamFramer.Frame] = []
            var at = 0
            while at < stream.count {
                framer.append(Array(stream[at..<min(stream.count, at + step)]))
                at += step
                while let frame = try framer.next() { frames.append(frame) }
            }
            #expect(frames == [.message(one), .message(two), .ping, .message(one)])
            #expect(framer.pendingByteCount == 0)
        }
    }

    /// RFC 5626 §4.4.1: on a connection where this side sends pings a CRLF alone is an answer, also in front of a message.
    @Test func aLineEndAloneAnswersAPing() throws {
        let end: [UInt8] = [0x0D, 0x0A]
        for (stream, expected) in [
            (end, [.pong]), (two + end, [.message(two), .pong]), (end + two, [.pong, .message(two)]),
            (end + end, [.ping]), (end + end + end, [.ping, .pong]),
        ] as [([UInt8], [StreamFramer.Frame])] {
            var framer = StreamFramer(takesPongs: true)
            framer.append(stream)
            var frames: [StreamFramer.Frame] = []
            while let frame = try framer.next() { frames.append(frame) }
            #expect(frames == expected)
            #expect(framer.pendingByteCount == 0)
        }
        var framer = StreamFramer(takesPongs: true)
        framer.append([0x0D])
        #expect(try framer.next() == nil)
        framer.append([0x0A])
        #expect(try framer.next() == .pong)
        framer.append(two)
        #expect(try framer.next() == .message(two))
    }

    @Test func lineEndsOfAnyKindAreNoHead() throws {
        var framer = StreamFramer()
        framer.append([0x0D, 0x0A, 0x0A])
        #expect(try framer.next() == nil)
        framer.append([0x0D])
        #expect(try framer.next() == .ping)
        framer.append([0x0A, 0x0A] + two)
        #expect(try framer.next() == .message(two))
    }

    /// Neither the first byte of TLS, nor NUL, nor what is no ASCII begins a start line.
    @Test(arguments: [0x16, 0x00, 0x20, 0x7F, 0xC3] as [UInt8])
    func whatIsNoSIPIsNotWaitedFor(first: UInt8) {
        var framer = StreamFramer()
        framer.append([first])
        #expect(throws: MessageDefect.self) { try framer.next() }
    }

    /// Line ends alone begin no message, however long they wait.
    @Test func aMessageBeginsWithItsFirstLine() throws {
        var framer = StreamFramer()
        #expect(!framer.holdsPartialMessage)
        framer.append([0x0D, 0x0A])
        #expect(try framer.next() == nil)
        #expect(!framer.holdsPartialMessage)
        framer.append([UInt8(ascii: "O")])
        #expect(try framer.next() == nil)
        #expect(framer.holdsPartialMessage)
        framer.append(Array("PTIONS sip:a@b SIP/2.0\r\nl: 1\r\n\r\n".utf8))
        #expect(try framer.next() == nil)
        #expect(framer.holdsPartialMessage)
        framer.append([UInt8(ascii: "x")])
        #expect(try framer.next() != nil)
        #expect(!framer.holdsPartialMessage)
    }

    @Test func withoutContentLengthTheStreamCannotBeFollowed() throws {
        var framer = StreamFramer()
        framer.append(Array("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n".utf8))
        #expect(throws: MessageDefect(.missingHeader, "")) { try framer.next() }
        #expect(framer.rejectedHead.starts(with: Array("OPTIONS".utf8)))
    }

    @Test func aHeadWithoutEndIsCutOff() throws {
        var framer = StreamFramer(limits: MessageLimits(headSize: 1_000))
        framer.append(Array("OPTIONS sip:a@b SIP/2.0\r\n".utf8))
        for _ in 0..<38 { framer.append(Array("Via: SIP/2.0/UDP a\r\n".utf8)) }
        #expect(try framer.next() == nil)
        for _ in 0..<38 { framer.append(Array("Via: SIP/2.0/UDP a\r\n".utf8)) }
        #expect(throws: MessageDefect(.tooLarge, "")) { try framer.next() }
    }

    @Test func aBodyBeyondTheLimitIsRefusedBeforeItComes() throws {
        var framer = StreamFramer()
        framer.append(Array("OPTIONS sip:a@b SIP/2.0\r\nl: 100000\r\n\r\n".utf8))
        #expect(throws: MessageDefect(.tooLarge, "")) { try framer.next() }
    }

    /// However Content-Length is written, and whatever looks like it, the body is as long as the index says.
    @Test(
        arguments: [
            ("Content-Length: 3", 3), ("content-length:3", 3), ("CONTENT-LENGTH:   3", 3), ("l: 3", 3), ("L:3", 3),
            ("Content-Length : 3", 3), ("Content-Length:\t3", 3), ("Content-Length: 3 ", 3),
            ("Content-Length:\r\n 3", 3),
            ("Content-Length: 3\r\n ", 3), ("l: 0000000003", 3), ("Contact: <sip:l@b>\r\nlength: 9\r\nl: 3", 3),
            ("Subject: a\r\n l: 2\r\nl: 3", 3), ("Content-Length: 3\nCall-ID: 1", 3),
            ("content\rlength: 2\r\nl: 3", 3),
            ("l: 3\r\nContent-Length: 3", nil), ("l: 3\r\nl : 3", nil), ("l: x", nil), ("l:", nil), ("l: -3", nil),
            ("l: 3\r\n 4", nil), ("l: 99999999999", nil), ("Content-Length2: 3", nil),
        ] as [(String, Int?)])
    func lengthOfABody(field: String, length: Int?) throws {
        for start in ["OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK", "OPTIONS  sip:a@b SIP/2.0 "] {
            let head = Array("\(start)\r\nSubject: c\r\n\(field)\r\n\r\n".utf8)
            var framer = StreamFramer()
            framer.append(head + Array("abcdef".utf8))
            guard let length else {
                #expect(throws: MessageDefect.self) { try framer.next() }
                continue
            }
            #expect(try framer.next() == .message(head + Array("abcdef".utf8.prefix(length))))
        }
    }

    /// What no start line of SIP begins is refused, whatever length it declares.
    @Test(arguments: [
        "GET / HTTP/1.1", "OPTIONS SIP/2.0", "OPTIONS  SIP/2.0", "(a) sip:a@b SIP/2.0", "OPTIONS sip:a@b", "a",
        "SIP/2.0",
    ])
    func startLinesOfOthers(line: String) {
        var framer = StreamFramer()
        framer.append(Array("\(line)\r\nl: 0\r\n\r\n".utf8))
        #expect(throws: MessageDefect.self) { try framer.next() }
    }
}
