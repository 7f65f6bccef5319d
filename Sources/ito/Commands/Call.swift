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
        let length = try options.length()
        let codecs = try options.codecs()
        let keyMethod = try options.keyMethod()
        let audio = try options.audio()
        let target = try CallTarget(target)
        let caller: String
        if let identity { caller = identity } else { caller = try target.anonymous(proxy: try phone.proxyURI()) }
        var account = try phone.account(caller)
        account.encryption = try options.encryption()
        account.qualityCollector = try options.collector()
        account.ice = try options.connectivity()
        let (ends, recorder) = try options.ends()
        let callRecorder = try options.callRecorder()
        let agent = try await Phone.start(account, phone, codecs: codecs, audio: audio, callsSecurely: target.isSecure)
        let recording = Task { try await recorder?.run() }
        let report = CallReport(json: options.json, began: .now)
        let signals = Signals([SIGINT, SIGTERM])
        let wanted = target.text
        let calling = Task {
            try await agent.call(wanted, audio: ends) { status in
                report.say("progress", status: Int(status.rawValue), reason: "\(status.reasonPhrase)")
            }
        }
        // One task hears the signals, while it rings and while it is talked: to cancel it ends the stream for good.
        let interruption = Task { [stream = signals.stream] in
            for await _ in stream { return }
        }
        let stopping = Task {
            await interruption.value
            calling.cancel()
        }
        var failed = false
        do {
            let call = try await calling.value
            let setUp = ContinuousClock.now
            let recording = callRecorder.map { call.record(with: $0) }
            report.say("answered")
            await talk(call, length, keyMethod, until: interruption)
            let ending = await call.ended()
            report.ended(ending, setUp: setUp, await call.statistics(), await call.way)
            await recording?.complete()
            failed = !ending.status.isSuccess
        } catch let error as CallError {
            report.ended(error.ending, setUp: nil, nil)
            if let remedy = remedy(error, account) { Terminal.complain("no call: \(error)", remedy: remedy) }
            failed = true
        }
        interruption.cancel()
        stopping.cancel()
        recorder?.close()
        // Of a call that was not to be.
        try? callRecorder?.finish()
        try? await recording.value
        await agent.shutDown()
        if failed { throw ExitCode(1) }
    }

    /// What a person can do about a call that was not to be; nil when it was the other side's will.
    private func remedy(_ error: CallError, _ account: Account) -> String? {
        let proxy = account.proxy.map { "\($0)" } ?? target
        if let remedy = Phone.remedy(forTLS: error.ending.reason) { return remedy }
        if error.ending.security != nil {
            return "with --encrypt offer a phone that cannot encrypt is talked to in the clear"
        }
        return switch (error.status.rawValue, error.ending.side) {
        case (401, _), (407, _):
            "check the password (ITO_PASSWORD or --password-stdin) of \(account.uri.user ?? "the user")"
        case (404, _): "nobody is called \(target) there: check the address"
        case (480, .remote): "\(target) has no phone that is registered and answers"
        case (403, _): "the server does not let \(account.uri) call \(target)"
        case (486, _), (600, _): "\(target) is busy: try again later"
        case (488, _), (606, _):
            "the phone of \(target) takes none of our codecs: name others with --codec; or it wants media encrypted, or not: "
                + "choose with --encrypt"
        case (408, _), (503, _), (480, .local):
            "is a server or a phone running at \(proxy)? Name a server with --proxy; "
                + "if one runs, the phone of \(target) does not answer"
        default: nil
        }
    }

    /// Presses keys, and hangs up when the time is over or a signal comes; ends when the call does.
    private func talk(
        _ call: Call, _ length: Duration?, _ keyMethod: KeyMethod, until interruption: Task<Void, Never>
    ) async {
        if let keys = options.dtmf { call.send(digits: keys, by: keyMethod) }
        let interrupted = Task {
            await interruption.value
            call.hangUpSoon()
        }
        let timer = Task {
            guard let length else { return }
            try await Task.sleep(for: length)
            call.hangUpSoon()
        }
        _ = await call.ended()
        timer.cancel()
        interrupted.cancel()
    }
}
