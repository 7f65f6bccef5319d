import Media
import Reactor
import SIP
import Synchronization
import Testing

@testable import UserAgent

/// A leg whose sockets cannot be opened is not silently mute.
@Suite(.serialized) struct AudioFailureTests {
    /// Makes legs whose sockets fail to open: both are the same one, which can be opened once.
    private struct Spoilt: MediaProvider {
        let lane: Lane
        let onFailure: @Sendable (SocketError) -> Void

        func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
            let socket = try BoundDatagramSocket.bind(near.with(port: 0), .media)
            return AudioLeg(
                lane: lane, sockets: MediaSockets(rtp: socket, rtcp: socket), codecs: [.pcmu], playout: .init(),
                onFailure: onFailure)
        }
    }

    private func phone(_ user: String, spoilt: (@Sendable (SocketError) -> Void)? = nil) async throws -> UserAgent {
        var options = UserAgent.Options()
        options.registers = false
        if let spoilt { options.makeMedia = { Spoilt(lane: $0, onFailure: spoilt) } }
        return try await UserAgent(account: Account("sip:\(user)@127.0.0.1"), options: options)
    }

    @Test(arguments: [true, false])
    func theCallEndsWithTheReason(isCaller: Bool) async throws {
        let told = Mutex<[SocketError]>([])
        let log: @Sendable (SocketError) -> Void = { error in told.withLock { $0.append(error) } }
        let alice = try await phone("alice", spoilt: isCaller ? log : nil)
        let bob = try await phone("bob", spoilt: isCaller ? nil : log)
        let answering = Task { () -> CallEnding? in
            for await invitation in bob.invitations {
                do throws(CallError) { return await (try invitation.answer()).ended() } catch { return error.ending }
            }
            return nil
        }
        let call = try await alice.call("sip:bob@\(bob.localAddress)")
        let endings = (alice: await call.ended(), bob: try #require(await answering.value))
        let (mute, other) = isCaller ? (endings.alice, endings.bob) : (endings.bob, endings.alice)
        #expect(mute.status == 500)
        #expect(mute.side == .local)
        #expect(mute.reason.hasPrefix("The audio cannot start: "))
        #expect(mute.reason.contains("open UDP"))
        #expect(other.status == 200)
        #expect(other.side == .remote)
        #expect(told.withLock { $0.map(\.operation) } == ["open UDP"])
        await alice.shutDown()
        await bob.shutDown()
    }
}
