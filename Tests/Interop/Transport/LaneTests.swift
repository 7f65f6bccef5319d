import Foundation
import Server
import TestKit
import Testing

extension Interop {
    /// A server with two lanes: what comes from one address and port reaches one socket, and both lanes work.
    @Suite struct LaneTests {
        private static let arguments = ["--no-auth", "--lanes", "2"]

        @Test func callsFromOneAddressAreSpreadAndAllComplete() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                var called = SIPpOptions(.named("uas"))
                called.calls = 500
                let uas = try await SIPpPeer.start(called, name: "uas", in: peers)
                try await SIPpPeer.start(
                    .registration(of: "bob", contact: "sip:bob@\(uas.hostPort)", at: server.hostPort),
                    name: "register", in: peers
                ).succeeded()
                var calling = SIPpOptions(.named("uac"), remote: server.hostPort)
                calling.service = "bob"
                calling.calls = 500
                calling.rate = 100
                let result = try await SIPpPeer.start(calling, name: "uac", in: peers).succeeded()
                #expect(result.successful == 500)
                let statistics = try server.statistics()
                #expect(statistics.lanes.count == 2)
                // One lane receives what the caller sends; half of the calls belong to the other.
                #expect(statistics.lanes.allSatisfy { $0.counters["datagramsSent", default: 0] > 500 })
            }
        }

        /// Whichever lane registers a user, each finds him.
        @Test func bindingsAreVisibleAcrossLanes() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let (phone, caller) = (try Wire(.udp, to: server.hostPort), try Wire(.udp, to: server.hostPort))
                for number in 0..<20 {
                    let of = "sip:user\(number)@example.test"
                    let request = phone.request("REGISTER", "sip:example.test", from: of, to: of)
                    #expect(try await phone.ask(request).status == 200)
                }
                for number in 0..<20 {
                    // The Call-ID is another each time, and so is its lane.
                    for _ in 0..<4 {
                        let callID = UUID().uuidString
                        caller.send(caller.request("MESSAGE", "sip:user\(number)@example.test", callID: callID))
                        let received = try await phone.message(of: callID)
                        #expect(received.startLine == "MESSAGE sip:phone@\(phone.hostPort) SIP/2.0")
                        #expect(received.values("To") == ["<sip:user\(number)@example.test>"])
                        let copied = received.lines.filter { line in
                            ["Via", "From", "To", "Call-ID", "CSeq"].contains { line.hasPrefix($0 + ":") }
                        }
                        phone.send("SIP/2.0 200 OK\n" + copied.joined(separator: "\n") + "\nContent-Length: 0\n\n")
                        #expect(try await caller.message(of: callID).status == 200)
                    }
                }
                #expect(try server.statistics().lanes.allSatisfy { $0.counters["datagramsSent", default: 0] > 0 })
            }
        }
    }
}
