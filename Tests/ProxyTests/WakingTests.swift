import Proxy
import Routing
import SIP
import SIPEndpoint
import TestKit
import Testing

/// Requests that wait until their user agent was woken (RFC 8599 §5.2, §5.6.2), in virtual time.
@Suite struct WakingTests {
    let network: SimulatedNetwork
    let host: ProxyHost
    let caller: ScriptedPeer
    let phone: ScriptedPeer
    private let push = PushTarget(provider: "acme", resourceID: "1")

    init() {
        network = SimulatedNetwork(seed: 5)
        host = ProxyHost(network.node("192.0.2.1:5060"))
        caller = ScriptedPeer(network.node("192.0.2.10:5060"))
        phone = ScriptedPeer(network.node("192.0.2.20:5060"))
        putToSleep()
    }

    /// Bob's one phone sleeps.
    private func putToSleep(_ change: (inout ProxyTarget) -> Void = { _ in }) {
        var target = ProxyTarget(uri: Array("sip:old@192.0.2.99".utf8))
        target.push = push
        change(&target)
        host.users["bob"] = [target]
    }

    private func send(_ method: String, for time: Duration = .seconds(1)) {
        caller.send(method, to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: time)
    }

    private func awake() {
        let uri = Array(phone.uri("bob").utf8)
        host.proxy.awake(push, in: host.layer) { _ in ProxyTarget(uri: uri) }
    }

    private var statuses: [UInt16] { caller.responses.map(\.statusCode.rawValue) }

    @Test func goOnWhenItComesBack() {
        send("INVITE")
        #expect(statuses == [100])
        #expect(host.woken == [push])
        #expect(host.proxy.parkedCount == 1 && host.proxy.isAwaited(push))
        awake()
        network.run(for: .seconds(1))
        #expect(phone.requests.first?.description.hasPrefix("INVITE \(phone.uri("bob")) ") == true)
        #expect(statuses.last == 200)
        #expect(host.proxy.parkedCount == 0 && !host.proxy.isAwaited(push))
        #expect(host.proxy.waking.delivered == 1)
        #expect(host.conclusions == [200])
    }

    /// One notification wakes it for all that wait.
    @Test func severalWaitForOneNotification() {
        send("INVITE")
        send("MESSAGE")
        #expect(host.woken == [push])
        #expect(host.proxy.parkedCount == 2)
        awake()
        network.run(for: .seconds(1))
        #expect(statuses.filter { $0 == 200 }.count == 2)
        // The next needs one of its own.
        send("MESSAGE")
        #expect(host.woken == [push, push])
    }

    @Test(arguments: [("INVITE", 20), ("MESSAGE", 15)])
    func endInTime(_ method: String, _ seconds: Int) {
        send(method, for: .seconds(seconds) - .milliseconds(500))
        #expect(!statuses.contains(480))
        network.run(for: .seconds(1))
        #expect(statuses.last == 480)
        #expect(host.proxy.parkedCount == 0 && host.proxy.waking.expired == 1)
        awake()
        network.run(for: .seconds(1))
        #expect(phone.requests.isEmpty)
    }

    @Test func areCancelled() throws {
        let sent = caller.send("INVITE", to: "sip:bob@192.0.2.1", from: "alice", via: host.node)
        network.run(for: .seconds(1))
        caller.layer.sendCancel(try #require(sent), reason: [])
        network.run(for: .seconds(1))
        #expect(statuses.contains(487))
        #expect(host.proxy.parkedCount == 0)
        awake()
        network.run(for: .seconds(1))
        #expect(phone.requests.isEmpty)
        #expect(host.conclusions == [487])
    }

    /// Somebody else answers meanwhile.
    @Test func areOverWhenAnotherAnswers() {
        host.users["bob"]?.append(ProxyTarget(uri: Array(phone.uri("bob").utf8)))
        send("INVITE")
        #expect(statuses.last == 200)
        #expect(host.woken == [push])
        #expect(host.proxy.parkedCount == 0)
    }

    @Test func refusalsComeAtOnce() {
        host.canWake = false
        send("INVITE")
        #expect(statuses.last == 480)
        #expect(host.proxy.parkedCount == 0)
        host.canWake = true
        send("MESSAGE")
        host.proxy.awake(push, in: host.layer) { _ in nil }
        network.run(for: .seconds(1))
        #expect(statuses.last == 480)
    }

    /// What cannot be woken may have another flow that leads there (RFC 5626 §7).
    @Test func anotherFlowIsTriedThen() {
        let uri = Array(phone.uri("bob").utf8)
        putToSleep { $0.alternates = [ProxyTarget(uri: uri)] }
        host.canWake = false
        send("INVITE")
        #expect(statuses.last == 200)
    }

    @Test func thereIsALimit() {
        host.proxy.configuration.parkingLimit = 1
        send("INVITE")
        send("MESSAGE")
        #expect(statuses == [100, 480])
    }
}
