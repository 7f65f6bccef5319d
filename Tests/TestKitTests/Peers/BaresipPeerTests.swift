import TestKit
import Testing

@Suite struct BaresipPeerTests {
    @Test(arguments: [BaresipOptions.Transport.udp, .tcp])
    func twoPhonesRegisterAndSpeakThroughARegistrar(transport: BaresipOptions.Transport) async throws {
        try await withPeers { peers in
            var serving = KamailioPeer.Options()
            serving.passwords = ["alice": "string", "bob": "tin can"]
            let server = try await KamailioPeer.start(serving, in: peers)
            let garden = try await SpeechClip.garden.write("garden.wav", in: peers)
            let river = try await SpeechClip.river.write("river.wav", in: peers)
            let alice = try await phone("alice", "string", garden, transport, server, peers)
            let bob = try await phone("bob", "tin can", river, transport, server, peers)
            try await alice.registered()
            try await bob.registered()

            try await alice.dial("sip:bob@\(serving.domain)")
            try await alice.event(.established)
            try await bob.event(.established)
            // The first that comes to the end of its clip hangs up.
            try await alice.event(.closed)
            try await bob.event(.closed)

            try await expect(garden, isHeardBy: bob, in: peers)
            try await expect(river, isHeardBy: alice, in: peers)
            let spoken = try await SoundComparison(
                reference: garden, recording: #require(alice.spoken.first), in: peers)
            #expect(spoken.correlation > 0.9999)
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func aCallWithoutAServerIsAnsweredAndHungUp(address: String) async throws {
        try await withPeers { peers in
            let alice = try await direct("alice", .auto, address, peers)
            let bob = try await direct("bob", .manual, address, peers)
            try await alice.dial(bob.uri)
            let call = try await bob.event(.incoming)
            #expect(call.peer.contains("sip:alice@"))
            try await alice.event(.ringing)
            try await bob.answer()
            try await alice.event(.established)
            try await bob.event(.established)
            try await bob.event(.mediaReceived)
            try await alice.hangUp()
            try await bob.event(.closed)
        }
    }

    @Test func aRefusedCallTellsTheStatus() async throws {
        try await withPeers { peers in
            let alice = try await direct("alice", .auto, "127.0.0.1", peers)
            let bob = try await direct("bob", .manual, "127.0.0.1", peers)
            try await alice.dial(bob.uri)
            try await bob.event(.incoming)
            try await bob.hangUp()
            let end = try await alice.event(.closed)
            #expect(end.detail.hasPrefix("486"))
        }
    }

    @Test func aWrongPasswordIsNotRegistered() async throws {
        try await withPeers { peers in
            var serving = KamailioPeer.Options()
            serving.passwords = ["alice": "string"]
            let server = try await KamailioPeer.start(serving, in: peers)
            var options = BaresipOptions(user: "alice")
            options.domain = serving.domain
            options.password = "rope"
            options.proxy = server.hostPort
            let alice = try await BaresipPeer.start(options, in: peers)
            let error = await #expect(throws: PeerError.self) { try await alice.registered() }
            #expect(error?.code == .refused)
            #expect(error?.reason.contains("401") == true)
        }
    }

    @Test func aCommandThatIsNoneIsRefused() async throws {
        try await withPeers { peers in
            let alice = try await direct("alice", .auto, "127.0.0.1", peers)
            let error = await #expect(throws: PeerError.self) { try await alice.command("juggle") }
            #expect(error?.code == .refused)
        }
    }

    private func phone(
        _ user: String, _ password: String, _ speech: String, _ transport: BaresipOptions.Transport,
        _ server: KamailioPeer, _ peers: Peers
    ) async throws -> BaresipPeer {
        var options = BaresipOptions(user: user)
        options.domain = server.options.domain
        options.password = password
        options.proxy = server.hostPort
        options.speech = speech
        options.transport = transport
        return try await BaresipPeer.start(options, in: peers)
    }

    private func direct(
        _ user: String, _ mode: BaresipOptions.AnswerMode, _ address: String, _ peers: Peers
    ) async throws -> BaresipPeer {
        var options = BaresipOptions(user: user)
        options.registration = .zero
        options.answerMode = mode
        options.address = address
        return try await BaresipPeer.start(options, in: peers)
    }

    /// The clip arrived whole, and as it comes out of the codec offline.
    private func expect(_ clip: String, isHeardBy phone: BaresipPeer, in peers: Peers) async throws {
        let recording = try #require(phone.heard.first)
        let comparison = try await SoundComparison(reference: clip, recording: recording, in: peers)
        #expect(comparison.rms > 0.02)
        #expect(comparison.correlation > 0.99)
        #expect(comparison.gaps == 0)
        let ideal = try await SpeechClip.roundTrip(of: clip, through: .pcmu, as: "ideal-\(phone.port).wav", in: peers)
        #expect(try await SoundComparison.pesq(reference: ideal, degraded: recording, in: peers) > 4.2)
    }
}
