// A user agent server of one's own: who sends it a message is told the time by a message, who calls it hears a beep for each
// hour, and methods that it does not serve are refused by the stack.
//
//     ITO_PASSWORD=… TimeServer sip:time@localhost sip:127.0.0.1:5060

import Foundation
import Media
import UserAgent

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let proxy = arguments.last else {
    print("usage: TimeServer ACCOUNT PROXY, with the password in ITO_PASSWORD")
    exit(2)
}
let account = try Account(
    arguments[1], password: ProcessInfo.processInfo.environment["ITO_PASSWORD"] ?? "", proxy: proxy)
var options = UserAgent.Options()
options.serves = [.message]
let agent = try await UserAgent(account: account, options: options)

/// Takes a message, and answers it by another one.
func reply(to request: ServerRequest) async {
    guard let sender = request.sender else { return request.respond(400) }
    request.respond(200)
    let time = Date.now.formatted(.iso8601)
    do {
        try await agent.send(.message("It is \(time).", to: sender.uri.description))
        print("told \(sender.uri): \(time)")
    } catch {
        print("could not tell \(sender.uri): \(error)")
    }
}

/// The hour of twelve in beeps of 880 Hz.
func beeps(_ hour: Int) -> AudioClip {
    let beat = 6_400, sounding = 3_200  // samples, at 8000 Hz
    let samples = (0..<hour * beat).map { index in
        index % beat < sounding ? Int16(8_000 * sin(2 * .pi * 880 * Double(index) / 8_000)) : 0
    }
    return AudioClip(samples: samples, sampleRate: .narrowband)
}

/// Takes a call, and beeps until the caller has heard enough.
func beep(_ invitation: Invitation) async {
    let hour = (Calendar.current.component(.hour, from: .now) + 11) % 12 + 1
    do {
        let call = try await invitation.answer(with: .clip(beeps(hour)))
        _ = await call.ended()
        print("beeped \(hour)")
    } catch {
        print("the caller gave up: \(error)")
    }
}

print("ready \(account.uri) at \(agent.localAddress)")
await withDiscardingTaskGroup { tasks in
    tasks.addTask {
        await withDiscardingTaskGroup { replies in
            for await request in agent.requests { replies.addTask { await reply(to: request) } }
        }
    }
    for await invitation in agent.invitations { tasks.addTask { await beep(invitation) } }
}
