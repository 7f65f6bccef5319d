import SDP
import SIP
import Server
import TestKit
import Testing

@testable import UserAgent

// Calls that come to nothing.
extension BasicCallFlowTests {
    @Test("RFC 3665 §3.8: unsuccessful, no answer")
    func noAnswer() throws {
        let (alice, bob) = try twoProxies()
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: alice).hangUp()
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp | Via 1
            F2 p1 > p2 INVITE sdp | Via 2
            F3 p1 > alice 100 INVITE
            F4 p2 > bob INVITE sdp | Via 3
            F5 p2 > p1 100 INVITE
            F5 bob > p2 100 INVITE
            F6 bob > p2 180 INVITE
            F7 p2 > p1 180 INVITE
            F8 p1 > alice 180 INVITE
            F9 alice > p1 CANCEL | CSeq=1 CANCEL, Via 1
            F10 p1 > alice 200 CANCEL
            F11 p1 > p2 CANCEL | Via 1
            F12 p2 > p1 200 CANCEL
            F13 p2 > bob CANCEL | Via 1
            F14 bob > p2 200 CANCEL
            F15 bob > p2 487 INVITE | Via 3
            F16 p2 > bob ACK | Via 1
            F17 p2 > p1 487 INVITE | Via 2
            F18 p1 > p2 ACK | Via 1
            F19 p1 > alice 487 INVITE | Via 1
            F20 alice > p1 ACK | Via 1, CSeq=1 ACK
            """)
        // A CANCEL has the branch of its INVITE (RFC 3261 §9.1).
        for hop in ["alice > p1", "p1 > p2", "p2 > bob"] {
            let (invite, cancel) = (flow.ladder["\(hop) INVITE sdp"], flow.ladder["\(hop) CANCEL"])
            #expect(invite?.values(of: .via).first == cancel?.values(of: .via).first)
        }
    }

    @Test("RFC 3665 §3.9: unsuccessful, busy")
    func busy() throws {
        let (alice, bob) = try twoProxies()
        bob.onInvitation = { $0.reject(486) }
        try alice.call(URI(toBob))
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp
            F2 p1 > p2 INVITE sdp
            F4 p2 > bob INVITE sdp
            F6 bob > p2 486 INVITE | Via 3, To=tag=
            F7 p2 > bob ACK | Via 1
            F8 p2 > p1 486 INVITE | Via 2
            F9 p1 > p2 ACK | Via 1
            F10 p1 > alice 486 INVITE | Via 1
            F11 alice > p1 ACK | Via 1
            """)
        #expect(alice.story.last == "ended 486 remote")
    }

    /// The figure says 480, which is `proxy.no-answer: unavailable`; otherwise a time-out is a 408 by RFC 3261 §16.7 and §16.9,
    /// for the proxies and thus for the caller.
    @Test("RFC 3665 §3.10: unsuccessful, no response from the user agent", arguments: [480, 408])
    func noResponse(_ status: Int) throws {
        let (alice, bob) = try twoProxies(second: { $0.proxy.noAnswer = status == 480 ? .unavailable : .timeout })
        flow.network.remove(bob.node)
        try alice.call(URI(toBob))
        flow.run(.seconds(34))
        flow.expect(
            """
            F1 alice > p1 INVITE sdp
            F2 p1 > p2 INVITE sdp
            F3 p1 > alice 100 INVITE
            F4 p2 > bob INVITE sdp
            F5 p2 > p1 100 INVITE
            F6 p2 > bob INVITE sdp
            F7 p2 > bob INVITE sdp
            F8 p2 > bob INVITE sdp
            F9 p2 > bob INVITE sdp
            F10 p2 > bob INVITE sdp
            F11 p2 > bob INVITE sdp
            F12 p2 > p1 \(status) INVITE
            F13 p1 > p2 ACK
            F14 p1 > alice \(status) INVITE
            F15 alice > p1 ACK
            """)
    }

    @Test("RFC 3665 §3.11: unsuccessful, temporarily unavailable")
    func unavailable() throws {
        let (alice, bob) = try twoProxies()
        try alice.call(URI(toBob))
        flow.run()
        try flow.call(of: bob).ring()
        flow.run()
        try flow.call(of: bob).reject(480)
        flow.run()
        flow.expect(
            """
            F1 alice > p1 INVITE sdp
            F2 p1 > p2 INVITE sdp
            F3 p1 > alice 100 INVITE
            F4 p2 > bob INVITE sdp
            F5 p2 > p1 100 INVITE
            F5 bob > p2 100 INVITE
            F6 bob > p2 180 INVITE
            F7 p2 > p1 180 INVITE
            F8 p1 > alice 180 INVITE
            F9 bob > p2 480 INVITE
            F10 p2 > bob ACK
            F11 p2 > p1 480 INVITE
            F12 p1 > p2 ACK
            F13 p1 > alice 480 INVITE
            F14 alice > p1 ACK
            """)
    }
}
