import SDP
import Testing

/// The examples of RFC 3264 §9 and §10.
@Suite struct RFC3264ExampleTests {
    private static func audio(_ id: Int, _ host: String, _ port: UInt16, _ codecs: [Codec]) -> StreamCapability {
        StreamCapability(
            id: id, address: ConnectionAddress(ByteString(host)!)!, port: port,  // hosts of the RFC
            formats: codecs.map { FormatCapability($0) })
    }

    private static func video(_ id: Int, _ host: String, _ port: UInt16, _ name: String) -> StreamCapability {
        var stream = audio(id, host, port, [Codec(name: name, clockRate: 90_000)!])  // names are tokens
        stream.media = "video"
        return stream
    }

    private static let alice = "host.anywhere.com"
    private static let bob = "host.example.com"
    private static let g723 = Codec(name: "G723", clockRate: 8_000)!  // a token

    private static func message(
        _ sender: Exchange.Party, _ version: Int, _ media: String, _ streams: [StreamCapability]
    ) -> Exchange.Message {
        let (name, identifier, host) = sender == .alice ? ("alice", 2_890_844_526, alice) : ("bob", 2_890_844_730, bob)
        let text = "v=0\no=\(name) \(identifier) \(version) IN IP4 \(host)\ns=\nc=IN IP4 \(host)\nt=0 0\n" + media
        return Exchange.Message(
            sender: sender, text: text, capabilities: MediaCapabilities(streams: streams), ours: nil)
    }

    /// The name that the example gives to events, which is not the registered one.
    private static func events(_ id: Int, _ host: String, _ port: UInt16, _ direction: Direction) -> StreamCapability {
        let codec = Codec(name: "telephone-events", clockRate: 8_000)!  // a token
        var stream = audio(id, host, port, [codec])
        stream.formats[0].payloadType = 110
        stream.direction = direction
        return stream
    }

    /// §10.1.
    static let basic: Exchange = {
        let head = "m=audio 49170 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"
        let aliceStreams = [
            audio(0, alice, 49170, [.pcmu]), video(1, alice, 51372, "H261"), video(2, alice, 53000, "MPV"),
        ]
        let bobStreams = [audio(0, bob, 49920, [.pcmu]), video(2, bob, 53000, "MPV")]
        let refused = "m=video 0 RTP/AVP 31\nm=video 53000 RTP/AVP 32\na=rtpmap:32 MPV/90000\n"
        var moved = bobStreams
        moved[0].port = 65422
        return Exchange(
            name: "10.1",
            messages: [
                message(
                    .alice, 2_890_844_526,
                    head
                        + "m=video 51372 RTP/AVP 31\na=rtpmap:31 H261/90000\nm=video 53000 RTP/AVP 32\na=rtpmap:32 MPV/90000",
                    aliceStreams),
                message(
                    .bob, 2_890_844_730,
                    "m=audio 49920 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n" + refused.dropLast(), bobStreams),
                message(
                    .bob, 2_890_844_731,
                    "m=audio 65422 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n" + refused
                        + "m=audio 51434 RTP/AVP 110\na=rtpmap:110 telephone-events/8000\na=recvonly",
                    moved + [events(3, bob, 51434, .recvonly)]),
                message(
                    .alice, 2_890_844_527,
                    head + refused + "m=audio 53122 RTP/AVP 110\na=rtpmap:110 telephone-events/8000\na=sendonly",
                    aliceStreams + [events(3, alice, 53122, .sendrecv)]),
            ],
            aliceVersion: 2_890_844_526, bobVersion: 2_890_844_730, aliceHost: "host.anywhere.com",
            bobHost: "host.example.com", aliceID: 2_890_844_526, bobID: 2_890_844_730)
    }()

    /// §10.2.
    static let oneOfN: Exchange = {
        var resting = audio(0, alice, 62986, [.pcmu, g723, .g729])
        resting.direction = .inactive
        let bobStream = audio(0, bob, 54344, [.pcmu, g723])
        return Exchange(
            name: "10.2",
            messages: [
                message(
                    .alice, 2_890_844_526,
                    "m=audio 62986 RTP/AVP 0 4 18\na=rtpmap:0 PCMU/8000\na=rtpmap:4 G723/8000\na=rtpmap:18 G729/8000\na=inactive",
                    [resting]),
                message(
                    .bob, 2_890_844_731,
                    "m=audio 54344 RTP/AVP 0 4\na=rtpmap:0 PCMU/8000\na=rtpmap:4 G723/8000\na=inactive", [bobStream]),
                message(
                    .alice, 2_890_844_527, "m=audio 62986 RTP/AVP 4\na=rtpmap:4 G723/8000\na=sendrecv",
                    [audio(0, alice, 62986, [g723])]),
                message(
                    .bob, 2_890_844_732, "m=audio 54344 RTP/AVP 4\na=rtpmap:4 G723/8000\na=sendrecv", [bobStream]),
            ],
            aliceVersion: 2_890_844_526, bobVersion: 2_890_844_731, aliceHost: "host.anywhere.com",
            bobHost: "host.example.com", aliceID: 2_890_844_526, bobID: 2_890_844_730)
    }()

    @Test(arguments: [basic, oneOfN], Exchange.Party.allCases)
    func oneSideIsOurs(exchange: Exchange, party: Exchange.Party) throws {
        try exchange.play(party)
    }

    @Test(arguments: [basic, oneOfN])
    func bothSidesAreOurs(exchange: Exchange) throws {
        try exchange.playBoth()
    }

    /// §9, figure 1.
    @Test func capabilities() throws {
        let codecs = [Codec.pcmu] + ["1016", "GSM"].compactMap { Codec(name: $0, clockRate: 8_000) }
        var stream = Self.audio(0, "192.0.2.4", 4000, codecs)
        stream.formats[1].payloadType = 1
        var pictures = Self.video(1, "192.0.2.4", 4002, "H261")
        pictures.formats.append(FormatCapability(Codec(name: "H263", clockRate: 90_000)!))  // a token
        let origin = Origin(
            username: "carol", sessionID: 28_908_764_872, sessionVersion: 28_908_764_872, address: .ip4(0x6403_0606))
        let description = MediaCapabilities(streams: [stream, pictures, stream]).description(origin: origin)
        #expect(description.origin.value == "carol 28908764872 28908764872 IN IP4 100.3.6.6")
        #expect(description.times == [TimeDescription()])
        #expect(description.connection?.address.description == "192.0.2.4")
        #expect(description.media.map(\.field.value) == ["audio 0 RTP/AVP 0 1 3", "video 0 RTP/AVP 31 34"])
        #expect(
            description.media[0].rtpMaps.map { $0.attribute.value } == ["0 PCMU/8000", "1 1016/8000", "3 GSM/8000"])
        #expect(description.media[1].rtpMaps.map { $0.attribute.value } == ["31 H261/90000", "34 H263/90000"])
    }
}
