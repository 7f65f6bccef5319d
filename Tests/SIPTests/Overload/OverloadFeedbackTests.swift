import SIP
import Testing

/// The parameters of overload control in Via (RFC 7339 §4, §9, RFC 7415 §5).
@Suite struct OverloadFeedbackTests {
    private func request(_ parameters: String) throws -> Message {
        try Message(
            """
            OPTIONS sip:p2.example.net SIP/2.0\r
            Via: SIP/2.0/TLS p1.example.net;branch=z9hG4bK2d4790.1\(parameters)\r
            Via: SIP/2.0/TLS p0.example.net;branch=z9hG4bKzero;oc=7\r
            Max-Forwards: 70\r
            From: <sip:a@example.net>;tag=1\r
            To: <sip:p2.example.net>\r
            Call-ID: a\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """)
    }

    private func feedback(_ parameters: String) throws -> OverloadFeedback? {
        try request(parameters).withView { OverloadFeedback($0, try $0.topVia) }
    }

    private func sequence(_ text: String) throws -> OverloadSequence? {
        try feedback(";oc=1;oc-seq=\(text)")?.sequence
    }

    @Test(
        "What servers say: the examples of RFC 7339 §6 and RFC 7415 §4",
        arguments: [
            (";received=192.0.2.111;oc=0;oc-algo=\"loss\";oc-validity=0", .loss(0), 0),
            (";received=192.0.2.111;oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782", .loss(20), 500),
            (";received=192.0.2.111;oc=150;oc-algo=\"rate\";oc-validity=1000;oc-seq=1282321615.782", .rate(150), 1_000),
            // Without oc-validity it is 500 ms (§4.3), and without oc-algo loss.
            (";oc=10", .loss(10), 500), (";OC=10;OC-Algo=\"LOSS\";Oc-Validity=40", .loss(10), 40),
            // 0 to 100 is the range of a loss (§7.1), and a validity of zero ends the control whatever oc is (§5.7).
            (";oc=250;oc-algo=\"loss\"", .loss(100), 500), (";oc-validity=0", .loss(0), 0),
            (";oc=99999999999999999999;oc-algo=\"rate\"", .rate(1_000_000_000), 500),
        ] as [(String, OverloadFeedback.Limit, Int)])
    func read(parameters: String, limit: OverloadFeedback.Limit, milliseconds: Int) throws {
        // `oc` has to be there for a Via to be looked into at all.
        let text = parameters.lowercased().contains(";oc=") ? parameters : ";oc" + parameters
        let found = try #require(try feedback(text))
        #expect(found.limit == limit)
        #expect(found.validity == .milliseconds(milliseconds))
    }

    @Test(
        "What is of no use",
        arguments: [
            // A server that takes no part leaves the parameters as the client wrote them (§6).
            ";oc;oc-algo=\"loss,A\"", ";oc", "",
            // §4.3: a validity other than zero goes with a value of oc, or is put aside.
            ";oc;oc-validity=500", ";oc-validity=500", ";oc=many;oc-validity=500", ";oc=-1", ";oc=\"10\"",
        ])
    func unread(parameters: String) throws { #expect(try feedback(parameters) == nil) }

    @Test(
        "What clients can do",
        arguments: [
            (";oc;oc-algo=\"loss\"", .loss), (";oc;oc-algo=\"loss,A\"", .loss),
            (";oc;oc-algo=\"rate,loss\"", [.loss, .rate]),
            (";oc;oc-algo=\"loss , rate\"", [.loss, .rate]), (";oc;oc-algo=loss", .loss), (";oc;oc-algo=\"A\"", []),
            (";oc", []), ("", []), (";oc-algo=\"loss\"", []), (";oc;oc-algo=\"\"", []),
        ] as [(String, OverloadAlgorithms)])
    func algorithms(parameters: String, expected: OverloadAlgorithms) throws {
        let found = try request(parameters).withView { OverloadAlgorithms($0, try $0.topVia) }
        #expect(found == expected)
    }

    @Test("§4.4: later numbers are higher, and a malformed one is none")
    func sequences() throws {
        let rising = ["1.1", "1.2", "1.25", "1.99999", "2.0", "1282321615.781", "1282321615.782", "999999999999.0"]
        let found = try rising.map { try #require(try sequence($0)) }
        for (one, next) in zip(found, found.dropFirst()) { #expect(one < next) }
        for text in ["", "1", "1.", ".1", "1.123456", "1234567890123.1", "1.2.3", "a.1", "1.x"] {
            #expect(try sequence(text) == nil, "\(text)")
        }
    }

    @Test("A response has what the client is told, and neither what it wrote nor what others have")
    func answered() throws {
        let told = OverloadFeedback(
            .loss(20), validity: .milliseconds(500),
            sequence: OverloadSequence(seconds: 1_282_321_615, microseconds: 782_000))
        for parameters in [";oc;oc-algo=\"loss,A\";rport", ";rport;oc;oc-algo=\"loss\"", ";oc;rport=;oc-algo=\"loss\""]
        {
            let vias = try request(parameters).withView { view in
                var writer = ByteWriter()
                let source = Array("192.0.2.111".utf8)
                source.withUnsafeBytes { bytes in
                    view.beginResponse(
                        .init(100, received: bytes, receivedPort: 5_061, overload: told), into: &writer)
                }
                MessageView.endResponse(into: &writer)
                return try Message(writer.array).values(of: .via)
            }
            let via = try #require(vias.first)
            #expect(via.hasSuffix(";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.78200"))
            #expect(via.hasPrefix("SIP/2.0/TLS p1.example.net;branch=z9hG4bK2d4790.1;"))
            let names = via.split(separator: ";").dropFirst().map { $0.split(separator: "=")[0] }.sorted()
            #expect(
                names == ["branch", "oc", "oc-algo", "oc-seq", "oc-validity", "received", "rport"], "\(via)")
            #expect(via.contains(";rport=5061;") && via.contains(";received=192.0.2.111"))
            #expect(vias.last == "SIP/2.0/TLS p0.example.net;branch=z9hG4bKzero;oc=7")
        }
    }

    @Test("A forwarded response carries what its client is told, and nothing from behind us (§5.4)")
    func forwarded() throws {
        let told = OverloadFeedback(.rate(150), validity: .zero, sequence: nil)
        let expected: [(OverloadFeedback?, String)] = [
            (nil, "SIP/2.0/TLS p0.example.net;branch=z9hG4bKzero"),
            (told, "SIP/2.0/TLS p0.example.net;branch=z9hG4bKzero;oc=150;oc-algo=\"rate\";oc-validity=0"),
        ]
        for (feedback, via) in expected {
            let written = try request("").withView { view in
                var editor = MessageEditor()
                editor.popFirstValue(.via, of: view)
                editor.setOverloadFeedback(feedback, of: view)
                var writer = ByteWriter()
                editor.write(view, into: &writer)
                return try Message(writer.array).values(of: .via)
            }
            #expect(written == [via])
        }
    }
}
