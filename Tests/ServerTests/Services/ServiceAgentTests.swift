import Media
import TestKit
import Testing
import UserAgent

@testable import Server

@Suite struct ServiceAgentTests {
    /// Calls a service number and acknowledges the answer when there is one.
    private func call(_ number: String, _ port: UInt16) async throws -> (phone: RawPhone, answer: RawMessage) {
        let phone = try RawPhone(server: port)
        let answer = try await phone.ask(phone.invite(number))
        if answer.status == 200 { phone.send(try phone.request("ACK", after: answer, cSeq: 1)) }
        return (phone, answer)
    }

    /// `services.calls`: the limit is the server's, and calls fall to two lanes. A line that was hung up can be had again.
    @Test func atItsLimitAServiceIsBusy() async throws {
        try await withServer({ $0.services.calls = 2 }) { _, port in
            let first = try await call("echo", port)
            #expect(first.answer.status == 200)
            #expect(try await call("tone", port).answer.status == 200)
            for _ in 0..<8 {
                let refusal = try await call("echo", port).answer
                #expect(refusal.status == 486)
                #expect(refusal.values("Retry-After").isEmpty)
            }
            let bye = try first.phone.request("BYE", after: first.answer, cSeq: 2)
            #expect(try await first.phone.ask(bye).status == 200)
            #expect(try await call("echo", port).answer.status == 200)
            #expect(try await call("echo", port).answer.status == 486)
        }
    }

    /// Whoever demands encryption, or checks the way, is answered so; whoever does not is not.
    @Test(
        .timeLimit(.minutes(1)), arguments: [MediaEncryption.KeyExchange?.none, .sdes, .dtls], ICEPolicy.Mode.allCases)
    func theEchoIsAsSecureAsItsCaller(keys: MediaEncryption.KeyExchange?, mode: ICEPolicy.Mode) async throws {
        try await withServer { _, port in
            var account = try Account("sip:alice@localhost", proxy: "sip:127.0.0.1:\(port)")
            if let keys { account.encryption = MediaEncryption(.require, by: keys) }
            account.ice = ICEPolicy(mode)
            var options = UserAgent.Options()
            options.registers = false
            let agent = try await UserAgent(account: account, options: options)
            let ear = SoundRecorder()
            let call = try await agent.call(
                "sip:echo@localhost", audio: AudioEnds(source: { ToneSource(.sine(440)) }, sink: { ear }))
            // Half a second of the tone comes back at its level.
            while !Task.isCancelled {
                await ear.heard(ear.samples.count + 4_000)
                var meter = LevelMeter()
                meter.update(Array(ear.samples.suffix(4_000)).span)
                if abs(meter.reading.level.dBm0 + 10) < 3 { break }
            }
            #expect(await (call.statistics()?.protection != nil) == (keys != nil))
            #expect(await (call.way != nil) == (mode != .off))
            await agent.shutDown()
        }
    }

    /// All keys of the services can change while the server runs.
    @Test func servicesFollowAReload() async throws {
        try await withServer({ $0.services.isEnabled = false }) { server, port in
            #expect(try await call("echo", port).answer.status == 404)
            var new = server.configuration
            new.services.isEnabled = true
            new.services.echoUser = "parrot"
            new.services.calls = 1
            let difference = await server.reload(new)
            #expect(difference.needingRestart.isEmpty)
            let up = try await call("parrot", port)
            #expect(up.answer.status == 200)
            #expect(try await call("echo", port).answer.status == 404)
            #expect(try await call("tone", port).answer.status == 486)
            // A call that is up goes on, also when its number is no more.
            new.services.isEnabled = false
            await server.reload(new)
            #expect(try await call("parrot", port).answer.status == 404)
            let bye = try up.phone.request("BYE", after: up.answer, cSeq: 2)
            #expect(try await up.phone.ask(bye).status == 200)
        }
    }
}
