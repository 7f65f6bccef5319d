// Registers, calls somebody, presses keys, listens for theirs, and hangs up.
//
//     ITO_PASSWORD=… CallSomebody sip:alice@localhost sip:127.0.0.1:5060 bob

import Foundation
import Media
import UserAgent

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 3, let target = arguments.last else {
    print("usage: CallSomebody ACCOUNT PROXY TARGET, with the password in ITO_PASSWORD")
    exit(2)
}
let account = try Account(
    arguments[1], password: ProcessInfo.processInfo.environment["ITO_PASSWORD"] ?? "", proxy: arguments[2])

let agent = try await UserAgent(account: account)
do {
    // Returns when somebody answers; cancelling the task that waits here sends CANCEL.
    let call = try await agent.call(target, audio: .tone(.sine(440))) { status in print("progress \(status)") }
    print("answered")
    let listening = Task { for await digit in call.digits { print("they pressed \(digit)") } }
    call.send(digits: "12")
    try await Task.sleep(for: .seconds(3))
    call.send(digits: "#")
    try await Task.sleep(for: .seconds(1))
    if let heard = await call.statistics() { print("\(heard.receivedPackets) packets came, \(heard.lost) were lost") }
    await call.hangUp()
    await listening.value
    let ending = await call.ended()
    print("ended by the \(ending.side.rawValue) side: \(ending.status.rawValue) \(ending.reason)")
} catch let error as CallError {
    print("no call: \(error)")
}
await agent.shutDown()
