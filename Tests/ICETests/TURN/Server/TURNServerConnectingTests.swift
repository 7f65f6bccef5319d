import Crypto
import Foundation
import ICE
import Testing

/// Relays for connections (RFC 6062 §5).
@Suite struct TURNServerConnectingTests {
    private let rig = ServerRig()
    /// The connection of the allocation.
    private let link = TURNPath.firstConnection
    private let tcp: UInt32 = 6 << 24

    private func allocate(_ rig: ServerRig, user: String = "alice", link: UInt64? = nil) -> ServerRig.Answer {
        let password = user == "alice" ? "secret" : "geheim"
        return rig.ask(.allocate, user: user, password: password, link: link ?? self.link) {
            try $0.add(.requestedTransport, tcp, into: &$1)
        }
    }

    @discardableResult
    private func connect(_ rig: ServerRig, to peer: STUNAddress? = nil, link: UInt64? = nil) -> ServerRig.Result {
        rig.ask(.connect, link: link ?? self.link) { try $0.add(.xorPeerAddress, peer ?? rig.peer, into: &$1) }
        return rig.last
    }

    /// The number of a connection that the server wants.
    private func connecting(_ rig: ServerRig, to peer: STUNAddress? = nil) throws -> UInt32 {
        guard case .connecting(let id, _, _) = connect(rig, to: peer) else {
            throw STUNDefect.foreign
        }
        return id
    }

    private func error(_ result: ServerRig.Result) -> Int? {
        guard case .answer(let bytes) = result else { return nil }
        return ServerRig.Answer(bytes: bytes).error
    }

    private func bind(
        _ rig: ServerRig, _ id: UInt32?, link: UInt64? = nil, user: String = "alice"
    ) -> ServerRig.Result {
        let password = user == "alice" ? "secret" : "geheim"
        rig.ask(.connectionBind, user: user, password: password, link: link ?? self.link + 1) {
            if let id { try $0.add(.connectionID, id, into: &$1) }
        }
        return rig.last
    }

    /// The number of the connection that a client was bound to.
    private func bound(_ result: ServerRig.Result) -> UInt32? {
        if case .bound(let id, let bytes) = result, read(bytes).kind == .success { id } else { nil }
    }

    // MARK: §5.1

    @Test("§5.1: an allocation by a connection, and 400 for what is of UDP alone")
    func allocation() throws {
        let answer = allocate(rig)
        #expect(answer.isSuccess && answer.relayed.count == 1 && answer.token == nil)
        let other = rig.ask(.allocate, link: 0) { try $0.add(.requestedTransport, tcp, into: &$1) }
        #expect(other.error == 400)
        for attribute in [STUNAttribute.evenPort, .reservationToken, .dontFragment] {
            let refused = rig.ask(.allocate, link: link + 1) { writer, memory in
                try writer.add(.requestedTransport, tcp, into: &memory)
                let size = attribute == .evenPort ? 1 : attribute == .dontFragment ? 0 : 8
                try writer.add(attribute, [UInt8](repeating: 0, count: size), into: &memory)
            }
            #expect(refused.error == 400, "\(attribute)")
        }
        #expect(
            rig.ask(.allocate, link: link + 1) { try $0.add(.requestedTransport, 33 << 24 as UInt32, into: &$1) }.error
                == 442)
        #expect(rig.quota.count == 1)
    }

    @Test("A server without relays for connections says 442, and knows none of the methods")
    func none() {
        let rig = ServerRig { configuration, _ in configuration.mostConnections = 0 }
        #expect(allocate(rig).error == 442)
        rig.ask(.allocate, link: link) { try $0.add(.requestedTransport, 17 << 24 as UInt32, into: &$1) }
        #expect(connect(rig) == .nothing && bind(rig, 1) == .nothing)
    }

    @Test("Nothing but connections goes by it: no channels, no data of indications, no datagrams of peers")
    func datagrams() throws {
        let relay = try #require(allocate(rig).relayed.first)
        #expect(rig.permit(rig.peer, link: link).isSuccess)
        let channel = rig.ask(.channelBind, link: link) { writer, memory in
            try writer.add(.channelNumber, 0x4000 << 16 as UInt32, into: &memory)
            try writer.add(.xorPeerAddress, rig.peer, into: &memory)
        }
        #expect(channel.error == 400)
        let data = stun(.indication, .send, rig.id()) { writer, memory in
            try writer.add(.xorPeerAddress, rig.peer, into: &memory)
            try writer.add(.data, [1], into: &memory)
        }
        #expect(rig.send(data, link: link) == .nothing)
        #expect(!relay.isIPv6)
    }

    // MARK: §5.2

    @Test("§5.2: Connect asks for a connection from the relay; its number is told when it is made")
    func connects() throws {
        let relay = try #require(allocate(rig).relayed.first)
        let result = connect(rig)
        guard case .connecting(let id, let from, let peer) = result else {
            Issue.record("no connection is wanted: \(result)")
            return
        }
        #expect(from == relay && peer == rig.peer)
        let told = try #require(rig.connected(id))
        #expect(told.notice.path == TURNPath(client: rig.client, link: link) && told.notice.connection == id)
        let message = read(told.bytes)
        #expect(message.kind == .success && message.method == .connect)
        #expect(message.word32(.connectionID, told.bytes) == id)
        let key = STUNKey.longTerm(
            username: [UInt8]("alice".utf8), realm: rig.realm, password: [UInt8]("secret".utf8), .md5, .test)
        #expect(message.isProven(by: key, told.bytes))
        // Once.
        #expect(rig.connected(id) == nil && rig.notConnected(id) == nil)
    }

    @Test("§5.2: 437 without an allocation, 400 for one of datagrams and without a peer, 446, 443, 403")
    func refusals() throws {
        #expect(error(connect(rig)) == 437)
        rig.allocate(link: link + 5)
        #expect(error(connect(rig, link: link + 5)) == 400)
        let only = ServerRig { configuration, _ in configuration.families = [.ip4] }
        #expect(allocate(only).isSuccess)
        #expect(error(connect(only, to: STUNAddress(ip6: 0x2600 << 112, port: 1))) == 443)
        #expect(allocate(rig).isSuccess)
        #expect(rig.ask(.connect, link: link) { _, _ in }.error == 400)
        #expect(error(connect(rig, to: ip(127, 0, 0, 1, 80))) == 403)
        #expect(error(connect(rig, to: rig.peer.with(port: 0))) == 403)
        let id = try connecting(rig)
        // While it is being made, while it waits, while it is bound; not behind its end.
        #expect(error(connect(rig)) == 446)
        #expect(rig.connected(id) != nil)
        #expect(error(connect(rig)) == 446)
        #expect(bound(bind(rig, id)) == id)
        #expect(error(connect(rig)) == 446)
        rig.disconnect(id)
        #expect(try connecting(rig) != id)
    }

    @Test("§5.2: a peer that is not reached is 447, and may be asked for again")
    func unreachable() throws {
        #expect(allocate(rig).isSuccess)
        let id = try connecting(rig)
        let told = try #require(rig.notConnected(id))
        #expect(ServerRig.Answer(bytes: told.bytes).error == 447)
        #expect(rig.server.statistics.connectionFailures == 1 && rig.server.statistics.connections == 0)
        _ = try connecting(rig)
    }

    // MARK: §5.3

    @Test("§5.3: who has no permission is closed; of others the client is told, with their address and a number")
    func attempts() throws {
        let relay = try #require(allocate(rig).relayed.first)
        #expect(rig.attempt(rig.peer, at: relay) == nil)
        #expect(rig.server.statistics.peerDrops == 1)
        #expect(rig.permit(rig.peer, link: link).isSuccess)
        let told = try #require(rig.attempt(rig.peer.with(port: 9), at: relay))
        #expect(told.notice.path.link == link)
        let message = read(told.bytes)
        #expect(message.kind == .indication && message.method == .connectionAttempt)
        #expect(message.address(.xorPeerAddress, told.bytes) == rig.peer.with(port: 9))
        #expect(message.word32(.connectionID, told.bytes) == told.notice.connection)
        #expect(bound(bind(rig, told.notice.connection)) == told.notice.connection)
        rig.advance(.seconds(301))
        #expect(rig.attempt(rig.peer, at: relay) == nil)
    }

    // MARK: §5.4

    @Test(
        "§5.4: ConnectionBind: 400 by datagrams, without a number or one that waits, by the allocation's own; 441 for others"
    )
    func binding() throws {
        #expect(allocate(rig).isSuccess)
        let id = try connecting(rig)
        #expect(error(bind(rig, id)) == 400)
        #expect(rig.connected(id) != nil)
        #expect(error(bind(rig, id, link: 0)) == 400)
        #expect(error(bind(rig, nil)) == 400)
        #expect(error(bind(rig, id &+ 1)) == 400)
        #expect(error(bind(rig, id, link: link)) == 400)
        #expect(error(bind(rig, id, user: "bob")) == 441)
        #expect(bound(bind(rig, id)) == id)
        #expect(error(bind(rig, id, link: link + 2)) == 400)
        #expect(rig.server.statistics.bound == 1)
    }

    @Test("A wrong password binds nothing")
    func unproven() throws {
        #expect(allocate(rig).isSuccess)
        let id = try connecting(rig)
        #expect(rig.connected(id) != nil)
        let answer = rig.ask(.connectionBind, password: "wrong", link: link + 1) {
            try $0.add(.connectionID, id, into: &$1)
        }
        #expect(answer.error == 401)
    }

    private func password(_ name: String, _ secret: String) -> String {
        let code = HMAC<Insecure.SHA1>.authenticationCode(
            for: Array(name.utf8), using: SymmetricKey(data: Array(secret.utf8)))
        return Data(code).base64EncodedString()
    }

    @Test("Credentials whose time is over go on for the connections of an allocation that was made in time")
    func expiredCredentials() throws {
        let rig = ServerRig { _, accounts in accounts.add(secret: [UInt8]("north".utf8)) }
        let user = "\(rig.wallClock.seconds + 20):carol"
        let mac = password(user, "north")
        let answer = rig.ask(.allocate, user: user, password: mac, link: link) {
            try $0.add(.requestedTransport, tcp, into: &$1)
        }
        #expect(answer.isSuccess)
        rig.advance(.seconds(30))
        rig.ask(.connect, user: user, password: mac, link: link) { try $0.add(.xorPeerAddress, rig.peer, into: &$1) }
        guard case .connecting(let id, _, _) = rig.last else {
            Issue.record("no connection is wanted")
            return
        }
        #expect(rig.connected(id) != nil)
        rig.ask(.connectionBind, user: user, password: mac, link: link + 1) { try $0.add(.connectionID, id, into: &$1) }
        #expect(bound(rig.last) == id)
    }

    // MARK: Times and ends

    @Test("§5.2, §5.3: what nobody binds is closed after 30 s, and what is bound is not")
    func times() throws {
        let relay = try #require(allocate(rig).relayed.first)
        #expect(rig.permit(rig.peer, link: link).isSuccess)
        let made = try connecting(rig)
        // However long the connection takes to be made.
        rig.advance(.seconds(31))
        #expect(rig.connected(made) != nil)
        rig.advance(.seconds(10))
        let taken = try #require(rig.attempt(rig.peer.with(port: 9), at: relay)).notice.connection
        let kept = try #require(rig.attempt(rig.peer.with(port: 10), at: relay)).notice.connection
        #expect(bound(bind(rig, kept)) == kept)
        rig.advance(.milliseconds(19_999))
        #expect(rig.closedConnections.isEmpty)
        rig.advance(.milliseconds(1))
        #expect(rig.closedConnections == [made])
        #expect(error(bind(rig, made, link: link + 2)) == 400)
        rig.advance(.seconds(10))
        #expect(rig.closedConnections == [made, taken])
        rig.advance(.seconds(100))
        #expect(rig.closedConnections == [made, taken] && rig.server.statistics.connections == 1)
    }

    @Test("§5.5: with the allocation end its connections: by Refresh of 0, time, the end of its connection")
    func ends() throws {
        for way in 0..<3 {
            let rig = ServerRig()
            #expect(allocate(rig).isSuccess)
            let first = try connecting(rig)
            #expect(rig.connected(first) != nil)
            #expect(bound(bind(rig, first)) == first)
            let second = try connecting(rig, to: rig.peer.with(port: 9))
            switch way {
            case 0: #expect(rig.ask(.refresh, link: link) { try $0.add(.lifetime, 0 as UInt32, into: &$1) }.isSuccess)
            case 1: rig.advance(.seconds(601))
            default: rig.disconnect(rig.client, link: link)
            }
            #expect(rig.closedConnections == [first, second], "\(way)")
            #expect(rig.connected(second) == nil && rig.server.statistics.connections == 0)
            #expect(rig.closed.count == 1)
        }
    }

    @Test("No more connections than there may be: of an allocation, and in all")
    func limits() throws {
        let rig = ServerRig { configuration, _ in
            configuration.mostConnections = 2
            configuration.mostConnectionsInAll = 3
        }
        let relay = try #require(allocate(rig).relayed.first)
        #expect(rig.permit(rig.peer, link: link).isSuccess)
        let first = try connecting(rig, to: rig.peer.with(port: 1))
        #expect(rig.attempt(rig.peer.with(port: 2), at: relay) != nil)
        #expect(rig.attempt(rig.peer.with(port: 3), at: relay) == nil)
        #expect(error(connect(rig, to: rig.peer.with(port: 3))) == 508)
        #expect(allocate(rig, link: link + 9).isSuccess)
        connect(rig, to: rig.peer.with(port: 1), link: link + 9)
        #expect(error(connect(rig, to: rig.peer.with(port: 2), link: link + 9)) == 508)
        #expect(rig.server.statistics.capacityRefusals == 3 && rig.server.statistics.connections == 3)
        // Room is given back, however often.
        rig.disconnect(first)
        for port in 10..<100 as Range<UInt16> {
            let told = try #require(rig.attempt(rig.peer.with(port: port), at: relay))
            rig.disconnect(told.notice.connection)
        }
        rig.advance(.seconds(40))
        #expect(rig.server.statistics.connections == 1)
    }

    @Test("Each of several servers gives numbers of its own, by which it is found")
    func parts() {
        for count in [1, 2, 3, 7] {
            for index in 0..<count {
                let part = TURNServerPart(index, of: count)
                for random in [0, 1, UInt64(UInt32.max), .max, 0x1234_5678_9ABC_DEF0] as [UInt64] {
                    #expect(TURNServerPart.index(ofConnection: part.number(random), of: count) == index)
                }
            }
        }
    }

    @Test("Our client and our connection for data get through")
    func client() throws {
        let server = ip(192, 0, 2, 1, 3_478)
        let numbers = Numbers(3)
        let credentials = LongTermCredentials(username: [UInt8]("alice".utf8), password: [UInt8]("secret".utf8))
        var client = TURNClient(
            server: server, credentials: credentials, kind: .connections, hash: .test, random: { numbers.next() })
        var outputs: [TURNClient.Output] = []
        func exchange() {
            while true {
                let new = client.takeOutputs()
                guard !new.isEmpty else { return }
                for output in new {
                    guard case .send(_, let bytes) = output else {
                        outputs.append(output)
                        continue
                    }
                    switch rig.send(bytes, link: link) {
                    case .answer(let answer): _ = client.receive(answer.span.bytes, now: rig.now)
                    case .connecting(let id, _, _):
                        if let told = rig.connected(id) { _ = client.receive(told.bytes.span.bytes, now: rig.now) }
                    case .nothing, .relayed, .bound: break
                    }
                }
            }
        }
        client.start(rig.now)
        exchange()
        let isAsked = client.connect(to: rig.peer, now: rig.now)
        #expect(isAsked)
        exchange()
        guard case .connected(rig.peer, let id)? = outputs.last else {
            Issue.record("not connected: \(outputs)")
            return
        }
        var connection = TURNDataConnection(
            id, told: rig.now, credentials: client.credentials, hash: .test, random: { numbers.next() })
        connection.start(rig.now)
        var told: [TURNDataConnection.Output] = []
        while true {
            let new = connection.takeOutputs()
            guard !new.isEmpty else { break }
            for output in new {
                guard case .send(let bytes) = output else {
                    told.append(output)
                    continue
                }
                // Another address: the nonce is not for it.
                switch rig.send(bytes, from: rig.client.with(port: 9), link: link + 1) {
                case .answer(let answer), .bound(_, let answer): connection.receive(answer, now: rig.now)
                case .nothing, .relayed, .connecting: break
                }
            }
        }
        #expect(told == [.bound])
    }
}
