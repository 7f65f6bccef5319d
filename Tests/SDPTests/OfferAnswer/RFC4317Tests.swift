import SDP
import Testing

/// The exchanges of RFC 4317, message by message.
@Suite struct RFC4317Tests {
    @Test(arguments: exchanges, Exchange.Party.allCases)
    func oneSideIsOurs(exchange: Exchange, party: Exchange.Party) throws {
        try exchange.play(party)
    }

    @Test(arguments: exchanges)
    func bothSidesAreOurs(exchange: Exchange) throws {
        try exchange.playBoth()
    }

    // MARK: - Results that the text of the RFC states

    /// §2.3: the answer renumbers iLBC; Alice sends the answer's number and expects her own.
    @Test func numbersOfTheAnswerAreSent() throws {
        let exchange = try #require(Self.exchanges.first { $0.name == "2.3" })
        var alice = exchange.machine(.alice)
        _ = try alice.makeOffer(exchange.messages[0].capabilities)
        let streams = try alice.receiveAnswer(parse(exchange.messages[1].text))
        #expect(streams[0].sendFormats == [RTPFormat(payloadType: 99, codec: iLBC.codec)])
        #expect(streams[0].receiveFormat(97)?.codec == iLBC.codec)
        #expect(streams[0].receiveFormat(99) == nil)
    }

    /// §2.4: events on a line of their own.
    @Test func eventsOnTheirOwnLine() throws {
        let exchange = try #require(Self.exchanges.first { $0.name == "2.4" })
        var bob = exchange.machine(.bob)
        try bob.receiveOffer(parse(exchange.messages[0].text))
        _ = try bob.makeAnswer(exchange.messages[1].capabilities)
        #expect(bob.streams.map(\.direction) == [.sendrecv, .recvonly])
        #expect(bob.streams[1].sendFormat == nil)
        #expect(bob.streams[1].receiveEvents.map(\.payloadType) == [98])
    }

    /// §5.2: Alice's media goes nowhere until she names an address.
    @Test func blackHole() throws {
        let exchange = try #require(Self.exchanges.first { $0.name == "5.2" })
        var bob = exchange.machine(.bob)
        try bob.receiveOffer(parse(exchange.messages[0].text))
        _ = try bob.makeAnswer(exchange.messages[1].capabilities)
        #expect(bob.streams[0].direction == .recvonly)
        #expect(bob.streams[0].isHeld)
        #expect(bob.streams[0].rtcp == .none)
        try bob.receiveOffer(parse(exchange.messages[2].text))
        _ = try bob.makeAnswer(exchange.messages[3].capabilities)
        #expect(bob.streams[0].direction == .sendrecv)
        #expect(bob.streams[0].remotePort == 49170)
        #expect(bob.streams[0].rtcp == .separate(.name("host.atlanta.example.com"), 49171))
    }

    // MARK: - The exchanges

    private static let pcmu = FormatCapability.pcmu
    private static let pcma = FormatCapability.pcma
    private static let iLBC = format("iLBC", 8_000, 97)
    private static let iLBC99 = format("iLBC", 8_000, 99)
    private static let h261 = format("H261", 90_000, 31)
    private static let mpv = format("MPV", 90_000, 32)
    private static let events98 = FormatCapability(.telephoneEvent, payloadType: 98)
    private static let events101 = FormatCapability(.telephoneEvent, payloadType: 101)
    private var iLBC: FormatCapability { Self.iLBC }

    private static func format(_ name: String, _ rate: Int, _ payloadType: UInt8) -> FormatCapability {
        FormatCapability(Codec(name: name, clockRate: rate)!, payloadType: payloadType)  // names are tokens
    }

    /// A stream; without a host it is the one of the party's session.
    private static func stream(
        _ id: Int, _ port: UInt16, _ formats: [FormatCapability], media: ByteString = "audio",
        direction: Direction = .sendrecv, host: ByteString? = nil
    ) -> (StreamCapability, hasHost: Bool) {
        var stream = StreamCapability(
            id: id, address: .name(host ?? "unset"), port: port, formats: formats)
        stream.media = media
        stream.direction = direction
        return (stream, host != nil)
    }

    private static func message(
        _ sender: Exchange.Party, _ version: Int, host: String? = nil, _ media: String,
        _ streams: [(StreamCapability, hasHost: Bool)], ours: String? = nil
    ) -> Exchange.Message {
        let (name, identifier, home) =
            sender == .alice
            ? ("alice", 2_890_844_526, "host.atlanta.example.com") : ("bob", 2_808_844_564, "host.biloxi.example.com")
        let head = """
            v=0
            o=\(name) \(identifier) \(version) IN IP4 \(home)
            s=
            c=IN IP4 \(host ?? home)
            t=0 0

            """
        let owned = streams.map { stream, hasHost in
            var stream = stream
            if !hasHost { stream.address = ConnectionAddress(ByteString(host ?? home)!)! }  // hosts of the RFC
            return stream
        }
        func whole(_ media: String) -> String { media.isEmpty ? String(head.dropLast()) : head + media }
        return Exchange.Message(
            sender: sender, text: whole(media), capabilities: MediaCapabilities(streams: owned), ours: ours.map(whole))
    }

    private static let allAudioAndVideo = """
        m=audio 49170 RTP/AVP 0 8 97
        a=rtpmap:0 PCMU/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:97 iLBC/8000
        m=video 51372 RTP/AVP 31 32
        a=rtpmap:31 H261/90000
        a=rtpmap:32 MPV/90000
        """
    private static let allStreams = [
        stream(0, 49170, [pcmu, pcma, iLBC]), stream(1, 51372, [h261, mpv], media: "video"),
    ]
    private static let alice0 = 2_890_844_526
    private static let bob0 = 2_808_844_564

    static let exchanges: [Exchange] = selection + holding + changing + thirdParty

    /// §2, codec negotiation and selection.
    private static let selection: [Exchange] = [
        Exchange(
            name: "2.1",
            messages: [
                message(.alice, alice0, allAudioAndVideo, allStreams),
                message(
                    .bob, bob0,
                    """
                    m=audio 49174 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=video 49170 RTP/AVP 32
                    a=rtpmap:32 MPV/90000
                    """, [stream(0, 49174, [pcmu]), stream(1, 49170, [mpv], media: "video")]),
            ]),
        Exchange(
            name: "2.2",
            messages: [
                message(.alice, alice0, allAudioAndVideo, allStreams),
                message(
                    .bob, bob0,
                    """
                    m=audio 49172 RTP/AVP 0 8
                    a=rtpmap:0 PCMU/8000
                    a=rtpmap:8 PCMA/8000
                    m=video 0 RTP/AVP 31
                    a=rtpmap:31 H261/90000
                    """, [stream(0, 49172, [pcmu, pcma])]),
                message(
                    .alice, alice0 + 1,
                    """
                    m=audio 51372 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=video 0 RTP/AVP 31
                    a=rtpmap:31 H261/90000
                    """, [stream(0, 51372, [pcmu])]),
                message(
                    .bob, bob0 + 1,
                    """
                    m=audio 49172 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=video 0 RTP/AVP 31
                    a=rtpmap:31 H261/90000
                    """, [stream(0, 49172, [pcmu, pcma])]),
            ]),
        Exchange(
            name: "2.3",
            messages: [
                message(.alice, alice0, allAudioAndVideo, allStreams),
                message(
                    .bob, bob0,
                    """
                    m=audio 49172 RTP/AVP 99
                    a=rtpmap:99 iLBC/8000
                    m=video 51374 RTP/AVP 31
                    a=rtpmap:31 H261/90000
                    """, [stream(0, 49172, [iLBC99]), stream(1, 51374, [h261], media: "video")],
                    // We keep the number of the offer, as RFC 3264 §6.1 recommends.
                    ours: """
                        m=audio 49172 RTP/AVP 97
                        a=rtpmap:97 iLBC/8000
                        m=video 51374 RTP/AVP 31
                        a=rtpmap:31 H261/90000
                        """),
            ]),
        Exchange(
            name: "2.4",
            messages: [
                message(.alice, alice0, audioAndEvents, audioAndEventStreams),
                message(
                    .bob, bob0,
                    """
                    m=audio 49172 RTP/AVP 97
                    a=rtpmap:97 iLBC/8000
                    m=audio 49174 RTP/AVP 98
                    a=rtpmap:98 telephone-event/8000
                    a=recvonly
                    """, [stream(0, 49172, [iLBC]), stream(1, 49174, [events98])]),
            ]),
        Exchange(
            name: "2.5",
            messages: [
                message(.alice, alice0, audioAndVideo(49170, 51372), oneAndOne(49170, 51372)),
                message(.bob, bob0, audioAndVideo(49174, 49170), oneAndOne(49174, 49170)),
                message(
                    .bob, bob0 + 1, host: "newhost.biloxi.example.com", audioAndVideo(49178, 49188),
                    oneAndOne(49178, 49188)),
                message(.alice, alice0, audioAndVideo(49170, 51372), oneAndOne(49170, 51372)),
            ]),
        Exchange(
            name: "2.6",
            messages: [
                message(
                    .alice, alice0,
                    """
                    m=audio 49170 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=audio 51372 RTP/AVP 97 101
                    a=rtpmap:97 iLBC/8000
                    a=rtpmap:101 telephone-event/8000
                    """, [stream(0, 49170, [pcmu]), stream(1, 51372, [iLBC, events101])]),
                message(
                    .bob, bob0,
                    """
                    m=audio 0 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=audio 49170 RTP/AVP 97 101
                    a=rtpmap:97 iLBC/8000
                    a=rtpmap:101 telephone-event/8000
                    """, [stream(0, 49170, [iLBC, events101])]),
            ]),
        Exchange(
            name: "2.7",
            messages: [
                message(.alice, alice0, audioAndVideo99(49170, 51372), oneAndOne99(49170, 51372, [h261])),
                message(.bob, bob0, audioAndVideo99(49172, 51374), oneAndOne99(49172, 51374, [h261, mpv])),
                message(
                    .alice, alice0 + 1, audioAndTwoVideos(49170, 51372), oneAndOne99(49170, 51372, [h261, mpv])),
                message(.bob, bob0 + 1, audioAndTwoVideos(49172, 51374), oneAndOne99(49172, 51374, [h261, mpv])),
            ]),
        Exchange(
            name: "2.8",
            messages: [
                message(.alice, alice0, allAudioAndVideo, allStreams),
                message(
                    .bob, bob0,
                    """
                    m=audio 49174 RTP/AVP 0
                    a=rtpmap:0 PCMU/8000
                    m=video 49172 RTP/AVP 32
                    c=IN IP4 otherhost.biloxi.example.com
                    a=rtpmap:32 MPV/90000
                    """,
                    [
                        stream(0, 49174, [pcmu]),
                        stream(1, 49172, [mpv], media: "video", host: "otherhost.biloxi.example.com"),
                    ]),
            ]),
    ]

    /// §3, hold and resume.
    private static let holding: [Exchange] = [
        Exchange(
            name: "3.1",
            messages: [
                message(.alice, alice0, audioOnly(49170, "0 97"), [stream(0, 49170, [pcmu, iLBC])]),
                message(
                    .bob, bob0, host: "placeholder.biloxi.example.com", audioOnly(49172, "97") + "\na=sendonly",
                    [stream(0, 49172, [iLBC], direction: .sendonly)]),
                message(.bob, bob0 + 1, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(.alice, alice0 + 1, audioOnly(49178, "97"), [stream(0, 49178, [pcmu, iLBC])]),
            ]),
        Exchange(
            name: "3.2",
            messages: [
                message(.alice, alice0, audioAndEvents, audioAndEventStreams),
                message(
                    .bob, bob0, audioOnly(49172, "97") + "\n" + events(49174, .recvonly),
                    [stream(0, 49172, [iLBC]), stream(1, 49174, [events98], direction: .recvonly)]),
                message(
                    .bob, bob0 + 1, audioOnly(49172, "97") + "\na=sendonly\n" + events(49174, .recvonly),
                    [
                        stream(0, 49172, [iLBC], direction: .sendonly),
                        stream(1, 49174, [events98], direction: .recvonly),
                    ]),
                // The RFC answers sendonly with sendrecv, which RFC 3264 §6.1 forbids, and lists PCMU, which was not
                // offered, as §6.1 allows; we say recvonly and what is common.
                message(
                    .alice, alice0 + 1, audioAndEvents, audioAndEventStreams,
                    ours: audioOnly(49170, "97") + "\na=recvonly\n" + events(49172, .sendonly)),
            ]),
    ]

    /// §4, addition and deletion of media streams.
    private static let changing: [Exchange] = [
        Exchange(
            name: "4.1",
            messages: [
                message(.alice, alice0, audioOnly(49170, "0 97"), [stream(0, 49170, [pcmu, iLBC])]),
                message(.bob, bob0, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(
                    .bob, bob0 + 1,
                    audioOnly(49170, "97") + "\n"
                        + """
                        m=audio 48282 RTP/AVP 98
                        c=IN IP4 mediaserver.biloxi.example.com
                        a=rtpmap:98 telephone-event/8000
                        a=recvonly
                        """,
                    [
                        stream(0, 49170, [iLBC]),
                        stream(
                            1, 48282, [events98], direction: .recvonly, host: "mediaserver.biloxi.example.com"),
                    ]),
                message(
                    .alice, alice0 + 1,
                    audioOnly(49170, "97") + "\n"
                        + """
                        m=audio 49172 RTP/AVP 98
                        c=IN IP4 host.atlanta.example.com
                        a=rtpmap:98 telephone-event/8000
                        a=sendonly
                        """,
                    [stream(0, 49170, [pcmu, iLBC]), stream(1, 49172, [events98], direction: .sendonly)]),
            ]),
        Exchange(
            name: "4.2",
            messages: [
                message(.alice, alice0, audioOnly(49170, "0"), [stream(0, 49170, [pcmu])]),
                message(.bob, bob0, audioOnly(49172, "0"), [stream(0, 49172, [pcmu])]),
                message(
                    .alice, alice0 + 1, audioOnly(49170, "0") + "\n" + video(49172),
                    [stream(0, 49170, [pcmu]), stream(1, 49172, [h261], media: "video")]),
                message(
                    .bob, bob0 + 1, audioOnly(49172, "0") + "\n" + video(49168),
                    [stream(0, 49172, [pcmu]), stream(1, 49168, [h261], media: "video")]),
            ]),
        Exchange(
            name: "4.3",
            messages: [
                message(.alice, alice0, audioAndVideo(49170, 51372), oneAndOne(49170, 51372)),
                message(.bob, bob0, audioAndVideo(49174, 49170), oneAndOne(49174, 49170)),
                message(.bob, bob0 + 1, audioAndVideo(49174, 0), [stream(0, 49174, [iLBC])]),
                message(.alice, alice0 + 1, audioAndVideo(49170, 0), oneAndOne(49170, 51372)),
            ]),
    ]

    /// §5, third party call control.
    private static let thirdParty: [Exchange] = [
        Exchange(
            name: "5.1",
            messages: [
                message(.alice, alice0, "", []),
                message(.bob, bob0, "", [stream(0, 49172, [iLBC])]),
                message(.alice, alice0 + 1, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(.bob, bob0 + 1, audioOnly(49172, "97"), [stream(0, 49172, [iLBC])]),
            ]),
        Exchange(
            name: "5.2",
            messages: [
                message(.alice, alice0, host: "0.0.0.0", audioOnly(23442, "97"), [stream(0, 23442, [iLBC])]),
                message(.bob, bob0, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(.alice, alice0 + 1, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(.bob, bob0, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
            ]),
        Exchange(
            name: "5.3",
            messages: [
                message(.alice, alice0, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
                message(.bob, bob0, host: "0.0.0.0", audioOnly(9322, "97"), [stream(0, 9322, [iLBC])]),
                message(.bob, bob0 + 1, audioOnly(49172, "97"), [stream(0, 49172, [iLBC])]),
                message(.alice, alice0, audioOnly(49170, "97"), [stream(0, 49170, [iLBC])]),
            ]),
    ]

    // MARK: - Lines that recur

    private static let maps = ["0": "PCMU/8000", "97": "iLBC/8000", "99": "iLBC/8000"]

    private static func audioOnly(_ port: Int, _ formats: String) -> String {
        let lines = formats.split(separator: " ").map { "\na=rtpmap:\($0) \(maps[String($0)]!)" }  // of the table
        return "m=audio \(port) RTP/AVP \(formats)" + lines.joined()
    }

    private static func video(_ port: Int) -> String { "m=video \(port) RTP/AVP 31\na=rtpmap:31 H261/90000" }

    private static func events(_ port: Int, _ direction: Direction) -> String {
        "m=audio \(port) RTP/AVP 98\na=rtpmap:98 telephone-event/8000\na=\(direction.rawValue)"
    }

    private static let audioAndEvents = audioOnly(49170, "0 97") + "\n" + events(49172, .sendonly)
    private static let audioAndEventStreams = [
        stream(0, 49170, [pcmu, iLBC]), stream(1, 49172, [events98], direction: .sendonly),
    ]

    private static func audioAndVideo(_ audio: Int, _ picture: Int) -> String {
        audioOnly(audio, "97") + "\n" + video(picture)
    }

    private static func oneAndOne(_ audio: UInt16, _ video: UInt16) -> [(StreamCapability, hasHost: Bool)] {
        [stream(0, audio, [iLBC]), stream(1, video, [h261], media: "video")]
    }

    private static func audioAndVideo99(_ audio: Int, _ picture: Int) -> String {
        audioOnly(audio, "99") + "\n" + video(picture)
    }

    private static func audioAndTwoVideos(_ audio: Int, _ picture: Int) -> String {
        audioOnly(audio, "99")
            + "\nm=video \(picture) RTP/AVP 31 32\na=rtpmap:31 H261/90000\na=rtpmap:32 MPV/90000"
    }

    private static func oneAndOne99(
        _ audio: UInt16, _ picture: UInt16, _ formats: [FormatCapability]
    ) -> [(StreamCapability, hasHost: Bool)] {
        [stream(0, audio, [iLBC99]), stream(1, picture, formats, media: "video")]
    }
}
