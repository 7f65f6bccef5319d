import ArgumentParser
import Foundation
import Media
import SIP
import Server
import UserAgent

/// `ito call`: calls somebody, plays, records, and says how it was.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "call", abstract: "Call somebody.")

    @Argument(help: "Whom to call: a SIP URI, or a user of the account's domain.") var target: String
    @Option(name: .customLong("as"), help: ArgumentHelp("The account that calls.", valueName: "uri"))
    var identity: String?
    @OptionGroup var phone: PhoneOptions
    @OptionGroup var options: CallOptions

    func run() async throws {
        let account = try phone.account(identity ?? "sip:anonymous@\(host)")
        let length = try options.length()
        let codecs = try options.codecs()
        let (ends, recorder) = try options.ends()
        let agent = try await Phone.start(account, phone, codecs: codecs)
        let recording = Task { try await recorder?.run() }
        let report = CallReport(json: options.json, began: .now)
        let signals = Signals([SIGINT, SIGTERM])
        let stream = signals.stream
        let wanted = target
        let calling = Task {
            try await agent.call(wanted, audio: ends) { status in
                report.say("progress", status: Int(status.rawValue), reason: "\(status.reasonPhrase)")
            }
        }
        let stopping = Task {
            for await _ in stream {
                calling.cancel()
                break
            }
        }
        var failed = false
        do {
            let call = try await calling.value
            stopping.cancel()
            let setUp = ContinuousClock.now
            report.say("answered")
            await talk(call, length, stream: signals.stream)
            report.ended(
                await call.ended(), codec: "\(codecs[0].rawValue.uppercased())/8000", setUp: setUp,
                await call.statistics())
        } catch let error as CallError {
            stopping.cancel()
            report.ended(error.ending, codec: "", setUp: nil, nil)
            failed = true
        }
        recorder?.close()
        try? await recording.value
        await agent.shutDown()
        if failed { throw ExitCode(1) }
    }

    /// The host of the target, for callers without an account.
    private var host: String {
        if let proxy = phone.proxy {
            return proxy.replacingOccurrences(of: "sip:", with: "")
        }
        return target.split(separator: "@").last.map(String.init) ?? "localhost"
    }

    /// Presses keys, and hangs up when the time is over, a signal comes, or the other side does.
    private func talk(_ call: Call, _ length: Duration?, stream: AsyncStream<Int32>) async {
        if let keys = options.dtmf { call.send(digits: keys) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await call.ended() }
            group.addTask {
                if let length {
                    try? await Task.sleep(for: length)
                } else {
                    for await _ in stream { break }
                }
                call.hangUpSoon()
            }
            await group.next()
            group.cancelAll()
        }
    }
}
