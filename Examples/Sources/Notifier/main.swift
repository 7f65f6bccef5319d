// A notifier: whoever subscribes to this account's message summary (RFC 3842) is told how many messages wait, and told again
// whenever a line of standard input says another number.
//
//     ITO_PASSWORD=… Notifier sip:bob@localhost sip:127.0.0.1:5060

import Foundation
import Synchronization
import UserAgent

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let proxy = arguments.last else {
    print("usage: Notifier ACCOUNT PROXY, with the password in ITO_PASSWORD; a number a line")
    exit(2)
}
let account = try Account(
    arguments[1], password: ProcessInfo.processInfo.environment["ITO_PASSWORD"] ?? "", proxy: proxy)
let agent = try await UserAgent(account: account)

/// How many messages wait, and who wants to know.
let state = Mutex((waiting: 0, watchers: [ObjectIdentifier: Watcher]()))

/// The state as RFC 3842 §5.2 writes it.
@Sendable func summary(_ waiting: Int) -> MessageContent {
    let text = "Messages-Waiting: \(waiting > 0 ? "yes" : "no")\r\nVoice-Message: \(waiting)/0\r\n"
    return MessageContent(type: "application/simple-message-summary", text: text)
}

let watchers = await agent.serve("message-summary", types: ["application/simple-message-summary"]) { _ in
    .allow(summary(state.withLock { $0.waiting }))
}

// Reading a line blocks, so it has a thread of its own.
Thread.detachNewThread {
    while let line = readLine() {
        guard let waiting = Int(line), waiting >= 0 else {
            print("not a number of messages: \(line)")
            continue
        }
        let told = state.withLock { state in
            state.waiting = waiting
            return Array(state.watchers.values)
        }
        for watcher in told { watcher.notify(summary(waiting)) }
        print("\(waiting) wait, \(told.count) are told")
    }
}

print("ready \(account.uri) at \(agent.localAddress)")
await withDiscardingTaskGroup { tasks in
    for await watcher in watchers {
        print("\(watcher.subscriber?.uri.description ?? "somebody") watches")
        // What has changed since the subscription was allowed, is told at once.
        let waiting = state.withLock { state in
            state.watchers[ObjectIdentifier(watcher)] = watcher
            return state.waiting
        }
        watcher.notify(summary(waiting))
        tasks.addTask {
            await watcher.ended()
            state.withLock { $0.watchers[ObjectIdentifier(watcher)] = nil }
            print("\(watcher.subscriber?.uri.description ?? "somebody") watches no more")
        }
    }
}
