import ArgumentParser
import Foundation
import Media
import SIP
import Server
import UserAgent

/// `ito answer`: registers and answers calls.
struct Answer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Register and answer calls.")

    @Option(name: .customLong("as"), help: ArgumentHelp("The account that is called.", valueName: "uri"))
    var identity: String
    @OptionGroup var phone: PhoneOptions
    @OptionGroup var options: CallOptions
    @Flag(help: "Send back what is heard.") var echo = false
    @Option(help: ArgumentHelp("How long it rings first, such as 2s.", valueName: "time")) var ring: String?
    @Option(help: ArgumentHelp("How many calls to take before ending.", valueName: "n")) var count: Int?
    @Option(help: ArgumentHelp("Refuse calls with this status, such as 486.", valueName: "status")) var reject: UInt16?
    @Flag(help: "Do not register: be called at --local-port.") var noRegister = false

    func validate() throws {
        if let reject, !(300...699).contains(reject) { throw ValidationError("--reject is from 300 to 699") }
    }

    func run() async throws {
        var account = try phone.account(identity)
        account.encryption = try options.encryption()
        account.qualityCollector = try options.collector()
        account.ice = try options.connectivity()
        let length = try options.length()
        let codecs = try options.codecs()
        let keyMethod = try options.keyMethod()
        let ringing = try ring.map { (text) throws(ServerError) -> Duration in
            guard let time = Duration(text: text) else {
                throw ServerError(.usage, "`\(text)` is no time", remedy: "write for example 2s")
            }
            return time
        }
        let agent = try await Phone.start(account, phone, codecs: codecs, audio: try options.audio())
        if !noRegister {
            do throws(RegistrationError) {
                try await agent.register()
            } catch {
                Terminal.complain("not registered: \(error)", remedy: Phone.remedy(error, account))
                await agent.shutDown()
                throw ExitCode(1)
            }
        }
        let ready = CallReport(json: options.json, began: .now)
        ready.say("ready", peer: "\(account.uri) at \(agent.localAddress)")
        let signals = Signals([SIGINT, SIGTERM])
        let stream = signals.stream
        let stopping = Task {
            for await _ in stream { break }
            await agent.shutDown()
        }
        var taken = 0
        for await invitation in agent.invitations {
            taken += 1
            try await take(invitation, ringing, length, keyMethod)
            if let count, taken >= count { break }
        }
        stopping.cancel()
        await agent.shutDown()
    }

    private func take(
        _ invitation: Invitation, _ ringing: Duration?, _ length: Duration?, _ keyMethod: KeyMethod
    ) async throws {
        let report = CallReport(json: options.json, began: .now)
        report.say("invitation", peer: invitation.caller.map { "\($0.uri)" })
        if let ringing {
            invitation.ring()
            try? await Task.sleep(for: ringing)
        }
        if let reject {
            invitation.reject(StatusCode(rawValue: reject))
            return report.say("rejected", status: Int(reject))
        }
        var (ends, recorder) = try options.ends()
        let callRecorder = try options.callRecorder()
        if echo { ends = .echo(after: .milliseconds(20)) }
        let recording = Task { [recorder] in try await recorder?.run() }
        do throws(CallError) {
            let call = try await invitation.answer(with: ends)
            let setUp = ContinuousClock.now
            let callRecording = callRecorder.map { call.record(with: $0) }
            report.say("answered")
            if let keys = options.dtmf { call.send(digits: keys, by: keyMethod) }
            if let length {
                let timer = Task {
                    try await Task.sleep(for: length)
                    call.hangUpSoon()
                }
                _ = await call.ended()
                timer.cancel()
            }
            report.ended(await call.ended(), setUp: setUp, await call.statistics(), await call.way)
            await callRecording?.complete()
        } catch {
            report.ended(error.ending, setUp: nil, nil)
        }
        recorder?.close()
        try? callRecorder?.finish()
        recorder = nil
        try? await recording.value
    }
}
