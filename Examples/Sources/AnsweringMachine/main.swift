// Answers each call, plays a tone, and records what the caller says until `#`, the end of the call, or a minute has passed.
//
//     ITO_PASSWORD=… AnsweringMachine sip:bob@localhost sip:127.0.0.1:5060 FOLDER

import Foundation
import Media
import UserAgent

/// How long a message may be.
let longest = Duration.seconds(60)

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 3, let folder = arguments.last else {
    print("usage: AnsweringMachine ACCOUNT PROXY FOLDER, with the password in ITO_PASSWORD")
    exit(2)
}
let account = try Account(
    arguments[1], password: ProcessInfo.processInfo.environment["ITO_PASSWORD"] ?? "", proxy: arguments[2])

/// Takes one call and keeps its sound in `path`.
func take(_ invitation: Invitation, into path: String) async throws {
    let recorder = try WAVRecorder(path: path)
    // The lane puts sound into the recorder's memory; this task writes it to the file.
    async let recording: Void = recorder.run()
    do {
        let call = try await invitation.answer(with: .tone(.sine(1_000)).recording(to: recorder))
        let limit = Task {
            try await Task.sleep(for: longest)
            call.hangUpSoon()
        }
        // The digits end with the call.
        for await digit in call.digits where digit == "#" { break }
        await call.hangUp()
        limit.cancel()
    } catch {
        print("the caller gave up: \(error)")
    }
    recorder.close()
    try await recording
    print("recorded \(path)")
}

let agent = try await UserAgent(account: account)
print("ready \(account.uri) at \(agent.localAddress)")
await withTaskGroup { calls in
    var number = 0
    for await invitation in agent.invitations {
        number += 1
        let path = "\(folder)/message-\(number).wav"
        print("\(invitation.caller?.uri.description ?? "somebody") calls")
        calls.addTask {
            do { try await take(invitation, into: path) } catch { print("\(path): \(error)") }
        }
    }
}
