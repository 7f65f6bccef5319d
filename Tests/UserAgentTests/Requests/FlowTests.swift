import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// The flow of a registration from the phone's side: kept alive, and replaced when it fails (RFC 5626 §4.4, §4.5).
@Suite struct FlowTests {
    /// A phone and a registrar that keeps flows, over TCP or UDP.
    private final class World {
        let network = SimulatedNetwork(seed: 3)
        let alice: SimulatedPhone
        let registrar: ScriptedPeer
        var events: [String] = []
        /// What the registrar says beside the contact.
        var headers: [String]

        init(_ transport: String, headers: [String] = ["Require: outbound"]) throws {
            self.headers = headers
            alice = SimulatedPhone("alice", network.node("10.0.0.1:5060"))
            registrar = ScriptedPeer(network.node("10.0.0.9:5060"))
            alice.addressOfRecord = try URI("sip:alice@far.test")
            alice.proxy = try URI("sip:10.0.0.9;transport=\(transport)")
            registrar.onRequest = { [unowned self] peer, request, transaction in
                guard let transaction else { return }
                let contact = "Contact: \(request[.contact] ?? "");expires=3600"
                peer.answer(transaction, 200, headers: self.headers + [contact])
            }
            try alice.register {
                $0.instance = InstanceID("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
                $0.flowID = 1
            }
            alice.registration?.onEvent = { [unowned self] event in
                switch event {
                case .registered: events.append("registered")
                case .flowFailed(let delay): events.append(delay == .zero ? "failed, at once" : "failed")
                default: events.append("\(event)")
                }
            }
            network.run(for: .seconds(1))
        }

        /// The keep-alives that Alice has sent so far.
        var keepAlives: Int {
            network.trace.count { passage in
                passage.source.port == 5_060 && passage.destination == registrar.node.address
                    && (passage.bytes == [0x0D, 0x0A, 0x0D, 0x0A] || passage.bytes.starts(with: [0, 1]))
            }
        }

        /// When the first keep-alive goes, in seconds.
        func timeOfNext() -> Double {
            let (start, before) = (network.now, keepAlives)
            network.run(for: .seconds(2_000), until: { keepAlives > before })
            return (network.now - start) / .seconds(1)
        }
    }

    @Test("§4.4: something goes by the flow within its time, as long as it is bound", arguments: ["tcp", "udp"])
    func keptAlive(transport: String) throws {
        let world = try World(transport)
        #expect(world.events == ["registered"])
        let range = transport == "tcp" ? 94.9...120.1 : 22.1...29.1
        #expect(range.contains(world.timeOfNext()))
        #expect(range.contains(world.timeOfNext()))
        world.headers.append("Flow-Timer: 20")
        world.alice.registration?.refresh()
        world.network.run(for: .seconds(1))
        #expect((14.9...20.1).contains(world.timeOfNext()))
        #expect(world.events == ["registered", "registered"])
        world.alice.registration?.stop()
        world.network.run(for: .seconds(1))
        let before = world.keepAlives
        world.network.run(for: .seconds(600))
        #expect(world.keepAlives == before)
    }

    @Test(
        "§4.4: a registrar that keeps no flows is sent no STUN, and owes no answer by TCP", arguments: ["tcp", "udp"])
    func withoutOutbound(transport: String) throws {
        let world = try World(transport, headers: [])
        world.registrar.node.answersPings = false
        world.network.loses = { $0.bytes.starts(with: [0, 1]) }
        world.network.run(for: .seconds(600))
        #expect((world.keepAlives >= 5) == (transport == "tcp"))
        #expect(world.events == ["registered"])
    }

    @Test("§4.4.1, §4.4.2, §4.5: keep-alives without an answer mean another flow, first at once, then after a while")
    func unanswered() throws {
        for transport in ["tcp", "udp"] {
            let world = try World(transport)
            world.registrar.node.answersPings = false
            world.network.loses = { $0.bytes.starts(with: [0, 1]) }
            world.network.run(for: .seconds(200), until: { world.events.count == 3 })
            #expect(world.events == ["registered", "failed, at once", "registered"], "\(transport)")
            world.network.run(for: .seconds(400), until: { world.events.count == 5 })
            #expect(world.events.suffix(2) == ["failed", "registered"], "\(transport)")
            world.registrar.node.answersPings = true
            world.network.loses = { _ in false }
            world.network.run(for: .seconds(300))
            #expect(world.events.count == 5, "\(transport)")
        }
    }

    @Test("§4.5: a connection that ends is noticed")
    func connectionEnds() throws {
        let world = try World("tcp")
        let connection = try #require(world.alice.registration?.flow?.connection)
        world.alice.layer.connectionClosed(connection &+ 1, "gone")
        world.alice.layer.connectionClosed(connection, "gone")
        world.network.run(for: .seconds(1))
        #expect(world.events == ["registered", "failed, at once", "registered"])
        #expect(world.registrar.requests.map(\.method) == [.register, .register])
    }

    @Test("§4.4.2: another address that the server sees means another flow")
    func mappedAddressChanges() throws {
        let world = try World("udp")
        _ = world.timeOfNext()
        world.network.run(for: .seconds(1))
        world.alice.node.move(to: "10.0.0.5:5060")
        world.network.run(for: .seconds(35))
        #expect(world.events == ["registered", "failed, at once", "registered"])
    }
}
