// A back-to-back user agent: who calls this account talks with somebody else, in two calls of which each side sees one. The
// sound goes from phone to phone and not through here.
//
//     ITO_PASSWORD=… BackToBack sip:reception@localhost sip:127.0.0.1:5060 bob

import Foundation
import SIP
import UserAgent

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 3, let target = arguments.last else {
    print("usage: BackToBack ACCOUNT PROXY TARGET, with the password in ITO_PASSWORD")
    exit(2)
}
let account = try Account(
    arguments[1], password: ProcessInfo.processInfo.environment["ITO_PASSWORD"] ?? "", proxy: arguments[2])
let agent = try await UserAgent(account: account)

/// Calls on, and passes on what happens on either side until both calls are over.
func connect(_ invitation: Invitation) async throws {
    // A server lets nobody call in the name of others: the callee sees this account, with the caller's name beside it.
    let caller = invitation.caller?.displayName ?? invitation.caller?.uri.description
    let onward = try await agent.dial(
        target, relaying: invitation, as: NameAddress(account.uri, displayName: caller))
    // Who gives up or hangs up ends the other call too.
    let watch = Task {
        _ = await invitation.call.ended()
        onward.hangUpSoon()
    }
    defer { watch.cancel() }
    for await event in onward.events {
        switch event {
        case .progress(let status) where status != 183: invitation.ring(status)
        case .earlyMedia: invitation.ring(183, playing: nil)
        case .answered: try await invitation.answer()
        case .ended(let ending):
            print("the call to \(target) has ended: \(ending.status.rawValue) \(ending.reason)")
            // A call that was not answered is refused for the same reason; one that was is hung up.
            invitation.reject(ending.status)
            invitation.call.hangUpSoon()
        default: break
        }
    }
}

print("ready \(account.uri) at \(agent.localAddress)")
await withTaskGroup { calls in
    for await invitation in agent.invitations {
        print("\(invitation.caller?.uri.description ?? "somebody") calls")
        calls.addTask {
            do {
                try await connect(invitation)
            } catch {
                print("not connected: \(error)")
                invitation.reject(480)
            }
        }
    }
}
