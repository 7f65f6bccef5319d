import RTP
import SIP
import TestKit
import Testing

@testable import Media
@testable import UserAgent

/// Reports on how a call was heard (RFC 6035).
@Suite struct VoiceQualityReportTests {
    /// The lines of a report by their names; those of metrics behind the name of their section.
    private func lines(_ body: String) -> [String: String] {
        var section = ""
        var found: [String: String] = [:]
        for line in body.split(separator: "\r\n", omittingEmptySubsequences: false) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard let name = parts.first else { continue }
            if name == "LocalMetrics" || name == "RemoteMetrics" { section = "\(name)." }
            if name == "DialogID" { section = "" }
            found[section + name] = parts.count > 1 ? parts[1].trimming(" ") : ""
        }
        return found
    }

    /// A call between two phones, reported by the caller to a third one.
    @Test(.timeLimit(.minutes(1))) func theCollectorIsTold() async throws {
        let collector = try await phone("collector") { $0.serves = [.publish] }
        var account = try Account("sip:alice@127.0.0.1")
        account.qualityCollector = try URI("sip:collector@\(collector.localAddress)")
        var options = UserAgent.Options()
        options.registers = false
        let alice = try await UserAgent(account: account, options: options)
        let bob = try await phone("bob")
        let ear = SoundRecorder()
        let answering = Task { () -> Call? in
            for await invitation in bob.invitations { return try await invitation.answer(with: .tone(.sine(440))) }
            return nil
        }
        let call = try await alice.call(
            "sip:bob@\(bob.localAddress)", audio: AudioEnds(source: { ToneSource(.sine(300)) }, sink: { ear }))
        let answered = try #require(try await answering.value)
        await ear.heard(8_000)
        // While they talk, both sides know how they hear each other, and R says what the collector is told.
        for side in [call, answered] {
            let quality = try #require(await side.quality)
            #expect((80...94).contains(quality.rating))
            #expect(
                (4...4.5).contains(quality.conversationScore) && quality.listeningScore >= quality.conversationScore)
            #expect((.milliseconds(20)...(.milliseconds(250))).contains(quality.delay))
            #expect(quality.loss == 0 && quality.discarded == 0)
            #expect(quality.burstLength == .zero && quality.gapLength > .zero)
        }
        await call.hangUp()
        _ = await answered.ended()
        var requests = collector.requests.makeAsyncIterator()
        let request = try #require(await requests.next())
        request.respond(200, MessageContent([.init(.sipETag, "1"), .init(.expires, "1")]))
        #expect(request.message.method == .publish)
        #expect(request.message[.event] == "vq-rtcpxr")
        #expect(request.message[.contentType] == "application/vq-rtcpxr")
        let report = lines(request.message.withView { String(decoding: $0.array($0.body), as: UTF8.self) })
        let statistics = try #require(await call.statistics())
        #expect(report["VQSessionReport"] == "CallTerm")
        #expect(report["LocalID"] == "<sip:alice@127.0.0.1>")
        #expect(report["OrigID"] == report["LocalID"])
        #expect(report["RemoteID"]?.hasPrefix("<sip:bob@127.0.0.1") == true)
        #expect(report["LocalGroup"] == "127.0.0.1")
        #expect(report["LocalAddr"]?.hasSuffix("SSRC=0x\(String(statistics.source, radix: 16))") == true)
        #expect(report["RemoteAddr"]?.hasPrefix("IP=127.0.0.1 PORT=") == true)
        #expect(report["LocalMetrics.SessionDesc"] == "PT=0 PD=PCMU SR=8000 FD=20 FPP=1 PPS=50 PLC=2")
        #expect(report["LocalMetrics.PacketLoss"] == "NLR=0.0 JDR=0.0")
        #expect(report["LocalMetrics.QualityEst"]?.contains("QoEEstAlg=G.107") == true)
        let last = try #require(await call.quality)
        #expect(report["LocalMetrics.QualityEst"]?.hasPrefix("RCQ=\(Int(last.rating.rounded())) ") == true)
        #expect(report["DialogID"]?.contains(";to-tag=") == true)
        await alice.shutDown()
        await bob.shutDown()
        await collector.shutDown()
    }

    /// A call that nobody has answered had no media: nobody is told.
    @Test(.timeLimit(.minutes(1))) func noMediaNoReport() async throws {
        let collector = try await phone("collector") { $0.serves = [.publish] }
        var account = try Account("sip:alice@127.0.0.1")
        account.qualityCollector = try URI("sip:collector@\(collector.localAddress)")
        var options = UserAgent.Options()
        options.registers = false
        let alice = try await UserAgent(account: account, options: options)
        let bob = try await phone("bob")
        let refusing = Task { for await invitation in bob.invitations { invitation.reject(486) } }
        await #expect(throws: CallError.self) { try await alice.call("sip:bob@\(bob.localAddress)") }
        await alice.shutDown()
        await bob.shutDown()
        refusing.cancel()
        await collector.shutDown()
        var requests = collector.requests.makeAsyncIterator()
        #expect(await requests.next() == nil)
    }

    @Test func allThatIsKnownIsTold() {
        var call = AudioStatistics()
        var near = VoIPMetrics(ssrc: 0xabc)
        near.lossRate = 13
        near.roundTripDelay = 200
        near.endSystemDelay = 60
        near.rating = 88
        near.listeningScore = 41
        near.signalLevel = UInt8(bitPattern: -18)
        near.configuration = VoIPMetrics.adaptiveConfiguration
        var far = near
        far.ssrc = call.source
        far.rating = VoIPMetrics.unavailable
        far.listeningScore = VoIPMetrics.unavailable
        far.signalLevel = VoIPMetrics.unavailable
        far.endSystemDelay = 40
        call.metrics = near
        call.remoteMetrics = far
        let report = VoiceQualityReport(
            callID: "6dg37f1890463", local: .init(identity: "\"A: 1\" <sip:alice@example.org>", tag: "a", address: nil),
            remote: .init(identity: "<sip:bill@[2001:db8::1]:5070;x=y>", tag: "b", address: nil), isCaller: false,
            time: SIPDate(secondsSince1970: 1_097_432_623)...SIPDate(secondsSince1970: 1_097_432_762), statistics: call)
        let found = lines(report.text)
        #expect(report.text.hasSuffix("DialogID: 6dg37f1890463;to-tag=b;from-tag=a\r\n"))
        #expect(found["OrigID"] == "<sip:bill@[2001:db8::1]:5070;x=y>")
        #expect(found["LocalGroup"] == "example.org")
        #expect(found["RemoteGroup"] == "[2001:db8::1]:5070")
        #expect(found["LocalMetrics.Timestamps"] == "START=2004-10-10T18:23:43Z STOP=2004-10-10T18:26:02Z")
        // 13 of 256 are 5.08 %.
        #expect(found["LocalMetrics.PacketLoss"] == "NLR=5.1 JDR=0.0")
        // (200 + 60 + 40) / 2.
        #expect(found["LocalMetrics.Delay"] == "RTD=200 ESD=60 SOWD=150 IAJ=0")
        #expect(found["LocalMetrics.Signal"] == "SL=-18")
        #expect(found["LocalMetrics.QualityEst"] == "RCQ=88 MOSLQ=4.1 QoEEstAlg=G.107")
        #expect(found["LocalMetrics.JitterBuffer"] == "JBA=3 JBR=0 JBN=0 JBM=0 JBX=0")
        #expect(found["RemoteMetrics.QualityEst"] == nil)
        #expect(found["RemoteMetrics.Signal"] == nil)
        #expect(found["RemoteMetrics.Delay"] == "RTD=200 ESD=40 SOWD=150")
    }
}

extension String.SubSequence {
    fileprivate func trimming(_ character: Character) -> String { String(drop { $0 == character }) }
}
