import Testing

@testable import SIPEndpoint

@Suite struct SIPMessageFramerTests {
    private func frames(_ messages: [String]) throws -> [String] {
        var framer = SIPMessageFramer()
        var frames: [String] = []
        for message in messages {
            Array(message.utf8).withUnsafeBytes { framer.append($0) }
            while let frame = try framer.next() { frames.append(String(decoding: frame, as: UTF8.self)) }
        }
        return frames
    }

    /// RFC 7118 §5: a message is one SIP message, whatever it says of its length; §6: line ends are keep-alives.
    @Test func messagesAreTakenAsTheyAre() throws {
        let messages = ["OPTIONS sip:a SIP/2.0\r\n\r\n", "MESSAGE sip:a SIP/2.0\r\nContent-Length: 999\r\n\r\nbody"]
        #expect(try frames(messages) == messages)
        #expect(try frames(["\r\n\r\n", "\r\n", "", "\r\n\r\n\r\n", "x"]) == ["\r\n\r\n", "x"])
    }
}
