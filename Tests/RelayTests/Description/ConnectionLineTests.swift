import Media
import Reactor
import SDP
import Testing

@testable import Relay

/// The address of the first stream in use, read without parsing the description.
@Suite struct ConnectionLineTests {
    /// The lines of a description behind `s=-`, and what is found.
    static let table: [(lines: [String], address: String?)] = [
        (["c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0"], "192.0.2.1:0"),
        (["c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.2"], "192.0.2.2:0"),
        (["t=0 0", "m=audio 4000 RTP/AVP 0", "i=c=IN", "c=IN IP6 2001:db8::1"], "[2001:db8::1]:0"),
        // The first is refused, or over.
        (
            ["t=0 0", "m=audio 0 RTP/AVP 0", "c=IN IP4 192.0.2.1", "m=video 4000/2 RTP/AVP 96", "c=IN IP4 192.0.2.2"],
            "192.0.2.2:0"
        ),
        (
            ["c=IN IP4 192.0.2.3", "t=0 0", "m=audio 0 RTP/AVP 0", "c=IN IP4 192.0.2.1", "m=video 4000 RTP/AVP 96"],
            "192.0.2.3:0"
        ),
        // The first in use counts.
        (
            ["t=0 0", "m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.1", "m=video 4002 RTP/AVP 96", "c=IN IP4 192.0.2.2"],
            "192.0.2.1:0"
        ),
        (
            ["c=IN IP4 192.0.2.3", "t=0 0", "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96", "c=IN IP4 192.0.2.2"],
            "192.0.2.3:0"
        ),
        (["c=IN IP4 224.2.1.1/127", "t=0 0", "m=audio 4000 RTP/AVP 0"], "224.2.1.1:0"),
        (["c=IN IP4 phone.example.com", "t=0 0", "m=audio 4000 RTP/AVP 0"], nil),
        (["c=IN IP4 192.0.2.1", "t=0 0", "m=audio 0 RTP/AVP 0"], nil),
        (["c=IN IP4 192.0.2.1", "t=0 0"], nil), (["t=0 0", "m=audio 4000 RTP/AVP 0"], nil),
        (["c=IN", "t=0 0", "m=audio", "m=audio 4000 RTP/AVP 0"], nil),
    ]

    private func found(_ text: String) -> TransportAddress? {
        Array(text.utf8).withUnsafeBytes { ConnectionLine.ofFirstStream(in: $0) }
    }

    @Test(arguments: table, ["\r\n", "\n"])
    func whereTheFirstStreamGoes(lines: (lines: [String], address: String?), ending: String) throws {
        let text = (["v=0", "o=- 1 1 IN IP4 203.0.113.9", "s=-"] + lines.lines).map { $0 + ending }.joined()
        #expect(found(text) == lines.address.map(address))
        // A description that can be parsed says the same.
        guard let description = try? SessionDescription(parsing: Array(text.utf8)) else { return }
        let media = description.media.first { $0.port != 0 }
        let parsed = media.flatMap { description.connection(of: $0) }?.address.transportAddress(port: 0)
        #expect(found(text) == parsed)
    }

    @Test func whatEndsInALine() {
        #expect(found("") == nil)
        #expect(found("c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0") == address("192.0.2.1:0"))
        #expect(found("m=") == nil)
        #expect(found("m=audio 4000 RTP/AVP 0\nc=IN IP4 ") == nil)
    }
}
