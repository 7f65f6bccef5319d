import CProbe
import Media
import RTP
import SRTP
import Testing

/// Two streams whose packets are protected, in virtual time.
@Suite struct SecureStreamTests {
    private static let speech = voice(seconds: 6)

    private func keys(_ profile: ProtectionProfile) throws -> (MasterKey, MasterKey) {
        (try MasterKey.random(for: profile), try MasterKey.random(for: profile))
    }

    private func protection(
        _ profile: ProtectionProfile, _ local: MasterKey, _ remote: MasterKey, after: AudioStream<String>? = nil,
        at time: Duration = .zero
    ) throws -> StreamSecurity {
        var earlier: StreamProtection?
        if case .secured(let media, _) = after?.security { earlier = media }
        let made = try StreamProtection(profile, local: local, remote: [remote], after: earlier, at: origin + time)
        return .secured(media: made, control: made)
    }

    private func call(
        _ profile: ProtectionProfile, _ negotiation: AudioNegotiation = .init(codec: .pcmu, eventPayloadType: 101)
    ) throws -> Call {
        let call = Call(negotiation)
        let (one, other) = try keys(profile)
        call.a.security = try protection(profile, one, other)
        call.b.security = try protection(profile, other, one)
        return call
    }

    @Test(arguments: ProtectionProfile.allCases)
    func soundArrivesSampleForSample(_ profile: ProtectionProfile) throws {
        let call = try call(profile)
        call.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband)))
        call.run(for: .seconds(6))
        let expected = coded(Self.speech[..<40_000], .muLaw)
        let start = try #require(find(expected[..<400], in: call.heardByB.samples))
        #expect(Array(call.heardByB.samples[start..<start + 40_000]) == expected)
        // Each packet is longer by the tag, and its payload is nowhere in it as it was.
        let sent = call.media(from: "a")
        #expect(sent.allSatisfy { $0.octets.count == 172 + profile.tagLength })
        let first = expected[..<160].map { G711.muLaw.encode($0) }
        #expect(!sent.contains { Array($0.octets[12..<172]) == first })
        let statistics = call.b.statistics()
        #expect(statistics.protection == profile)
        #expect(statistics.ignoredDatagrams == 0)
        #expect(statistics.lost == 0)
    }

    /// Keys with names (RFC 3711 §3.1): each packet has the name of its key, another key of the peer is opened by its name, and a name
    /// that nobody knows opens nothing.
    @Test(arguments: [ProtectionProfile.aes128CounterModeSHA1_80, .aeadAES128GCM])
    func keysHaveNames(_ profile: ProtectionProfile) throws {
        func key(_ name: [UInt8]) throws -> MasterKey {
            let octets = try MasterKey.random(for: profile).keyAndSalt
            return try #require(MasterKey(profile, keyAndSalt: octets, identifier: name))
        }
        let call = Call()
        let (one, two, other) = (try key([0, 0, 0, 1]), try key([0, 0, 0, 2]), try MasterKey.random(for: profile))
        func secure(_ local: MasterKey, _ remote: [MasterKey]) throws -> StreamSecurity {
            let made = try StreamProtection(profile, local: local, remote: remote, at: origin + call.time)
            return .secured(media: made, control: made)
        }
        call.a.security = try secure(one, [other])
        call.b.security = try secure(other, [one, two])
        call.run(for: .seconds(10))
        #expect(call.media(from: "a").allSatisfy { $0.octets.count == 172 + profile.tagLength + 4 })
        #expect(call.media(from: "b").allSatisfy { $0.octets.count == 172 + profile.tagLength })
        #expect(call.b.statistics().receivedPackets > 480 && call.b.statistics().receivedReports > 0)
        call.a.security = try secure(two, [other])
        call.run(for: .seconds(2))
        #expect(call.b.statistics().receivedPackets > 580)
        #expect(call.b.statistics().unauthenticDatagrams == 0 && call.a.statistics().unauthenticDatagrams == 0)
        call.a.security = try secure(try key([0, 0, 0, 3]), [other])
        call.run(for: .seconds(1))
        #expect(call.b.statistics().unauthenticDatagrams >= 49)
    }

    /// Reports are protected too, and so is good-bye.
    @Test func reportsArrive() throws {
        let call = try call(.aes128CounterModeSHA1_32)
        call.run(for: .seconds(20))
        #expect(call.a.statistics().receivedReports > 0)
        #expect(call.a.statistics().roundTrip != nil)
        let reports = call.sent.filter(\.isControl)
        // The E flag is set, in the fourteen octets of index and tag.
        #expect(!reports.isEmpty)
        #expect(reports.allSatisfy { $0.octets[$0.octets.count - 14] & 0x80 != 0 })
        #expect(call.goodbye(of: call.a, as: "a"))
        call.run(for: .milliseconds(100))
        #expect(call.eventsOfB.contains(.goodbye))
    }

    /// Neither packets in the clear are taken, nor those of others, nor any twice.
    @Test func nothingElseIsTaken() throws {
        let call = try call(.aeadAES128GCM)
        let plain = Call(seed: 2)
        plain.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband)))
        plain.run(for: .milliseconds(100))
        call.run(for: .milliseconds(100))
        var strange = try #require(plain.media(from: "a").first).octets
        let now = origin + call.time
        let receipt = strange.withUnsafeMutableBytes { call.b.receive($0, from: "a", at: now) }
        #expect(receipt == .ignored(.unauthentic(.authenticationFailed)))
        // Memory that cannot be written is not looked at.
        let unopened = call.b.receive(strange.span.bytes, from: "a", at: now)
        #expect(unopened == .ignored(.unsecured))
        var again = try #require(call.media(from: "a").first).octets
        let replayed = again.withUnsafeMutableBytes { call.b.receive($0, from: "elsewhere", at: now) }
        #expect(replayed == .ignored(.unauthentic(.replayed)))
        #expect(call.b.remote == "a")
        #expect(call.b.statistics().unauthenticDatagrams == 2)
    }

    /// Before there are keys nothing is sent, not even a report, and nothing taken; and what is to be said waits for them.
    @Test func withoutKeysThereIsSilence() throws {
        let call = Call()
        call.a.security = .pending
        call.a.play(ClipPlayer(AudioClip(samples: Self.speech, sampleRate: .narrowband)))
        call.run(for: .seconds(12))
        #expect(!call.sent.contains { $0.from.hasPrefix("a") })
        #expect(!call.goodbye(of: call.a, as: "a"))
        #expect(call.a.statistics().receivedPackets == 0)
        #expect(call.a.statistics().protection == nil)
        call.a.security = .none
        call.run(for: .seconds(6))
        let expected = coded(Self.speech[..<8_000], .muLaw)
        #expect(find(expected[..<8_000], in: call.heardByB.samples) != nil)
    }

    /// New keys at one end after the other, as offer and answer bring them: what was sent before is
    /// taken, too.
    @Test(arguments: [ProtectionProfile.aes128CounterModeSHA1_80, .aeadAES256GCM])
    func keysChange(_ profile: ProtectionProfile) throws {
        let call = Call()
        let (one, other) = try keys(profile)
        call.a.security = try protection(profile, one, other)
        call.b.security = try protection(profile, other, one)
        call.network = { _ in .milliseconds(40) }
        call.run(for: .seconds(5))
        let (newOne, newOther) = try keys(profile)
        // The answerer has both new keys at once; packets of the offerer are on their way, and will come for a while.
        call.b.security = try protection(profile, newOther, newOne, after: call.b, at: call.time)
        call.run(for: .milliseconds(60))
        call.a.security = try protection(profile, newOne, newOther, after: call.a, at: call.time)
        call.run(for: .seconds(5))
        #expect(call.b.statistics().unauthenticDatagrams == 0)
        // What the answerer has sent before the offerer knew its key is lost (RFC 4568 §7.1.4).
        #expect(call.a.statistics().unauthenticDatagrams <= 4)
        #expect(call.a.statistics().receivedPackets > 480)
        // The former key is good for a while only.
        let late = try StreamProtection(profile, local: one, remote: [other], at: origin + call.time)
        var packet = [UInt8](repeating: 0, count: 200)
        packet[0] = 0x80
        let length = try packet.withUnsafeMutableBytes { bytes in try late.seal(bytes, length: 172) }
        let receipt = packet[..<length].withUnsafeMutableBytes { call.b.receive($0, from: "a", at: origin + call.time) }
        #expect(receipt == .ignored(.unauthentic(.authenticationFailed)))
    }

    /// Keys that stay keep their place: nothing is ever protected twice under one index.
    @Test func keysThatStayKeepTheirPlace() throws {
        let profile = ProtectionProfile.aeadAES128GCM
        let (local, remote, newRemote) = (
            try MasterKey.random(for: profile), try MasterKey.random(for: profile), try MasterKey.random(for: profile)
        )
        let first = try StreamProtection(profile, local: local, remote: [remote], at: origin)
        var packet = [UInt8](repeating: 0, count: 200)
        packet[0] = 0x80
        func seal(_ protection: StreamProtection) throws {
            try packet.withUnsafeMutableBytes { bytes in _ = try protection.seal(bytes, length: 172) }
        }
        try seal(first)
        let second = try StreamProtection(profile, local: local, remote: [newRemote], after: first, at: origin)
        #expect(throws: SRTPError.replayed) { try seal(second) }
    }

    /// To protect and to open takes no memory: a stream takes as little with keys as without.
    @Test(.enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"))
    func aPacketAllocatesNothing() throws {
        let profile = ProtectionProfile.aes128CounterModeSHA1_80
        let (one, other) = try keys(profile)
        let plain = allocations { _ in }
        let secured = try allocations { call in
            call.a.security = try protection(profile, one, other)
            call.b.security = try protection(profile, other, one)
        }
        // A cache of the runtime may grow while other tests run: that is not one block for each of a thousand packets.
        #expect(secured < plain + 10)
    }

    /// Blocks of memory that a thousand packets take.
    private func allocations(_ secure: (Call) throws -> Void) rethrows -> UInt64 {
        let call = Call(.init(codec: .pcmu)) { $0.reports.minimumInterval = .seconds(3_600) }
        try secure(call)
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: AudioStream<String>.tickCapacity, alignment: 16)
        defer { memory.deallocate() }
        var time = Duration.zero
        func turn() -> AudioReceipt? {
            time += .milliseconds(20)
            var span = MutableRawSpan(_unsafeBytes: memory)
            guard let media = call.a.tick(at: origin + time, into: &span).media else { return nil }
            let packet = UnsafeMutableRawBufferPointer(rebasing: memory[media.octets])
            return call.b.receive(packet, from: "a", at: origin + time)
        }
        for _ in 0..<100 { _ = turn() }
        let before = probe_allocations()
        var taken = 0
        for _ in 0..<1_000 where turn() == .media { taken += 1 }
        let count = probe_allocations() - before
        #expect(taken == 1_000)
        return count
    }
}
