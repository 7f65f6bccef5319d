import Reactor
import SDP
import Testing

@testable import Relay

/// What the relay reads in a media description.
@Suite struct MediaLineTests {
    private func line(_ session: [String] = ["c=IN IP4 192.0.2.1"], _ media: String...) throws -> MediaLine {
        let lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-"] + session + ["t=0 0"] + media
        let text = lines.map { $0 + "\r\n" }.joined()
        return MediaLine(try SessionDescription(parsing: Array(text.utf8)), 0, signalling: address("192.0.2.9:5060"))
    }

    @Test func rtpWithControlOnTheNextPort() throws {
        let line = try line(["c=IN IP4 192.0.2.1"], "m=audio 4000 RTP/AVP 0")
        #expect(line.use == .relayed(.rtp))
        #expect(line.remote.media == address("192.0.2.1:4000"))
        #expect(line.remote.control == address("192.0.2.1:4001"))
        #expect(!line.remote.isMultiplexed)
        #expect(line.remote.signalling == address("192.0.2.9:5060"))
    }

    @Test func controlWhereItIsStated() throws {
        #expect(
            try line(["c=IN IP4 192.0.2.1"], "m=audio 4000 RTP/AVP 0", "a=rtcp:4444").remote.control
                == address("192.0.2.1:4444"))
        #expect(
            try line(["c=IN IP4 192.0.2.1"], "m=audio 4000 RTP/AVP 0", "a=rtcp:4444 IN IP4 192.0.2.2").remote.control
                == address("192.0.2.2:4444"))
    }

    /// Who is on hold may send nothing (RFC 3264 §8.4); an address that is not known yet is no hold.
    @Test(arguments: [
        ("c=IN IP4 192.0.2.1", "4000", "sendrecv", false), ("c=IN IP4 192.0.2.1", "4000", "sendonly", true),
        ("c=IN IP4 192.0.2.1", "4000", "recvonly", true), ("c=IN IP4 192.0.2.1", "4000", "inactive", true),
        ("c=IN IP4 0.0.0.0", "4000", "sendrecv", true), ("c=IN IP4 0.0.0.0", "9", "sendrecv", false),
    ])
    func hold(connection: String, port: String, direction: String, isHeld: Bool) throws {
        #expect(try line([connection], "m=audio \(port) RTP/AVP 0", "a=\(direction)").isHeld == isHeld)
    }

    @Test func sharedPort() throws {
        let line = try line(["c=IN IP6 2001:db8::1"], "m=audio 4000 UDP/TLS/RTP/SAVPF 0", "a=rtcp-mux")
        #expect(line.use == .relayed(.rtp))
        #expect(line.remote.isMultiplexed)
        #expect(line.remote.media == address("[2001:db8::1]:4000"))
        #expect(line.remote.control == nil)
    }

    @Test(arguments: ["udptl", "UDP/DTLS/SCTP", "UDP/BFCP"])
    func datagramsOfOtherProtocols(transport: String) throws {
        #expect(try line(["c=IN IP4 192.0.2.1"], "m=image 4000 \(transport) t38").use == .relayed(.datagrams))
    }

    @Test(arguments: ["TCP/MSRP", "TCP/TLS/BFCP", "DCCP/RTP/AVP"])
    func whatIsNoDatagramIsLeftAlone(transport: String) throws {
        #expect(try line(["c=IN IP4 192.0.2.1"], "m=message 4000 \(transport) *").use == .foreign)
    }

    @Test func groupsAndOtherNetworksAreLeftAlone() throws {
        #expect(try line(["c=IN IP4 224.2.1.1/127"], "m=audio 4000 RTP/AVP 0").use == .foreign)
        #expect(try line(["c=ATM NSAP 47.0091"], "m=audio 4000 RTP/AVP 0").use == .foreign)
    }

    @Test func portZeroIsNoStream() throws {
        #expect(try line(["c=IN IP4 192.0.2.1"], "m=audio 0 RTP/AVP 0").use == .disabled)
    }

    @Test func anUnspecifiedAddressIsSentNothing() throws {
        let line = try line(["c=IN IP4 0.0.0.0"], "m=audio 4000 RTP/AVP 0")
        #expect(line.use == .relayed(.rtp))
        #expect(line.remote.media == nil)
        #expect(line.remote.control == nil)
    }
}
