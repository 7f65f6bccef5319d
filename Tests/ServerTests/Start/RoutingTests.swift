import Foundation
import Reactor
import SIPEndpoint
import Testing
import TestKit

@testable import Server

@Suite struct RoutingTests {
    @Test(arguments: ["sip:localhost", "sip:127.0.0.1", "sip:LOCALHOST."])
    func theServerSaysWhatItCan(uri: String) async throws {
        try await withServer { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.ask(phone.request("OPTIONS", uri, from: "sip:a@elsewhere.test"))
            #expect(answer.status == 200)
            #expect(answer.values("Allow") == ["OPTIONS, REGISTER"])
            #expect(answer.values("Supported") == ["path, outbound, gruu"])
            // What it says there is what it does.
            let refused = try await phone.ask(phone.request("INVITE", uri, from: "sip:a@elsewhere.test"))
            #expect(refused.status == 405)
            #expect(refused.values("Allow") == ["OPTIONS, REGISTER"])
        }
    }

    /// Extensions that the server itself is required to know (RFC 3261 §8.2.2.3), and the method that comes first (§8.2.1).
    @Test(arguments: [
        ("OPTIONS", "Require: gruu, Path", 200, []),
        ("OPTIONS", "Require: path, x-odd\nRequire: 100rel", 420, ["x-odd, 100rel"]),
        ("REGISTER", "Require: path, x-odd", 420, ["x-odd"]), ("SUBSCRIBE", "Require: x-odd", 405, []),
    ])
    func whatTheServerIsRequiredToKnow(
        _ method: String, _ headers: String, _ status: Int, _ unsupported: [String]
    ) async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.ask(
                phone.request(
                    method, "sip:localhost", from: "sip:bob@localhost", to: "sip:bob@localhost", headers: [headers]))
            #expect(answer.status == status)
            #expect(answer.values("Unsupported") == unsupported)
        }
    }

    /// Who may send where: From, Request-URI, further headers, and the status that answers.
    @Test(arguments: [
        // Neither is ours.
        ("sip:a@elsewhere.test", "sip:b@other.test", "", 403),
        // A user of ours must prove it.
        ("sip:alice@localhost", "sip:bob@localhost", "", 407),
        ("sip:alice@localhost", "sip:b@other.test", "", 407),
        // A stranger may call a user of ours, who is not registered, or does not exist.
        ("sip:a@elsewhere.test", "sip:bob@localhost", "", 480),
        ("sip:a@elsewhere.test", "sip:nobody@localhost", "", 404),
        // A Route that claims to be ours opens no door.
        ("sip:a@elsewhere.test", "sip:b@other.test", "Route: <sip:i000000ffffffffffffffff@127.0.0.1:PORT;lr>", 403),
        ("sip:alice@localhost", "sip:b@other.test", "Route: <sip:i000000ffffffffffffffff@127.0.0.1:PORT;lr>", 407),
        ("sip:a@elsewhere.test", "sip:b@other.test", "Route: <sip:127.0.0.1:PORT;lr>", 403),
    ])
    func whoMaySendWhere(from: String, uri: String, header: String, status: Int) async throws {
        try await withServer { _, port in
            let phone = try RawPhone(server: port)
            let headers = header.isEmpty ? [] : [header.replacing("PORT", with: String(port))]
            let answer = try await phone.ask(phone.request("MESSAGE", uri, from: from, headers: headers))
            #expect(answer.status == status)
        }
    }

    @Test func nobodyRelaysWhenThatIsConfigured() async throws {
        try await withServer({ $0.proxy.relay = .nobody }) { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.ask(phone.request("MESSAGE", "sip:b@other.test", from: "sip:alice@localhost"))
            #expect(answer.status == 403)
        }
    }

    /// `domains[].open: no`: From, whose password is known, and what answers the request that has credentials.
    @Test(arguments: [
        // A stranger has no password, and is asked again (RFC 3261 §22.3).
        ("sip:a@elsewhere.test", "mallory", 407),
        // A user may withhold the name (RFC 3323 §4.1.1.3), not write that of a stranger.
        ("sip:anonymous@anonymous.invalid", "alice", 480), ("sip:a@elsewhere.test", "alice", 403),
        ("tel:+15551234", "alice", 403), ("sip:alice@localhost", "alice", 480), ("sip:bob@localhost", "alice", 403),
    ])
    func everyCallerOfAClosedDomainAuthenticates(_ from: String, _ user: String, _ status: Int) async throws {
        try await withServer({ $0.domains[0].isOpen = false }) { server, port in
            let phone = try RawPhone(server: port)
            let first = try await phone.ask(phone.request("MESSAGE", "sip:bob@localhost", from: from))
            #expect(first.status == 407)
            let credentials = try first.answer(
                "Proxy-Authenticate", user, "secret of \(user)", method: "MESSAGE", uri: "sip:bob@localhost")
            let answer = try await phone.ask(
                phone.request(
                    "MESSAGE", "sip:bob@localhost", from: from, cSeq: 2,
                    headers: ["Proxy-Authorization: \(credentials)"]))
            #expect(answer.status == status)
            let isOurs = from.hasSuffix("@localhost")
            let refused = isOurs ? 0 : user == "mallory" ? 2 : 1
            #expect(await server.statistics().refused["strangersRefused"] == UInt64(refused))
        }
    }

    /// A neighbour on the host is somewhere else (RFC 3261 §16.5): the Request-URI of a stranger and of a user, by the port.
    @Test(arguments: [
        ("127.0.0.1:NEIGHBOUR", true), ("localhost:NEIGHBOUR", true), ("127.0.0.1:5060", true),
        ("127.0.0.1:OWN", false), ("localhost:OWN", false), ("localhost:5060", false), ("localhost:5061", false),
        ("127.0.0.1", false), ("localhost", false),
    ])
    func theHostAloneDoesNotMakeAURIOurs(_ place: String, _ isElsewhere: Bool) async throws {
        try await withServer { server, port in
            let (phone, neighbour) = (try RawPhone(server: port), try RawPhone(server: port))
            let host = place.replacing("NEIGHBOUR", with: "\(neighbour.port)").replacing("OWN", with: "\(port)")
            let answer = try await phone.ask(
                phone.request("MESSAGE", "sip:nobody@\(host)", from: "sip:a@elsewhere.test"))
            #expect(answer.status == (isElsewhere ? 403 : 404))
            #expect(await server.statistics().refused["relayDenied"] == (isElsewhere ? 1 : 0))
        }
    }

    /// What listens for UDP alone connects to others (RFC 3263 §4.1), and stays in the way where it can be reached.
    @Test(arguments: ["tcp", "tls"]) func aServerForUDPConnectsByOtherTransports(_ transport: String) async throws {
        let folder = try TemporaryFolder("certificates")
        let authority = try CertificateAuthority()
        let own = try authority.issue([.dns("localhost"), .address("127.0.0.1")])
        let file = try folder.write("\(own.certificate)\n\(own.key)\n", to: "server.pem")
        let authorities = try folder.write("\(authority.certificate)\n", to: "authority.pem")
        try await withServer({
            $0.authentication.isRequired = false
            $0.listeners.append(.init(transport: transport == "tcp" ? .tcp : .tls, address: "127.0.0.1", port: 0))
            $0.tls.certificate = file
        }) { far, _ in
            let port = far.listeners[1].address.port
            try await withServer({
                $0.authentication.isRequired = false
                $0.tls.authorities = authorities
            }) { server, near in
                #expect(server.listeners.count == 1)
                let phone = try RawPhone(server: near)
                let answer = try await phone.ask(
                    phone.request(
                        "OPTIONS", "sip:127.0.0.1:\(port);transport=\(transport)", from: "sip:alice@localhost"))
                #expect(answer.status == 200)
                #expect(await far.statistics().connections["open"] == 1)
            }
        }
    }

    /// A user of ours reaches a server beside ours, on the same address.
    @Test func aUserReachesANeighbourOnTheSameHost() async throws {
        let trusted = try #require(ServerConfiguration.Network("127.0.0.0/8"))
        try await withServer({ $0.proxy.trustedNetworks = [trusted] }) { _, port in
            let (phone, neighbour) = (try RawPhone(server: port), try RawPhone(server: port))
            let uri = "sip:carol@127.0.0.1:\(neighbour.port)"
            phone.send(phone.request("MESSAGE", uri, from: "sip:alice@localhost"))
            let received = try await neighbour.next()
            #expect(received.text.hasPrefix("MESSAGE \(uri) SIP/2.0"))
            neighbour.send(neighbour.response(200, to: received))
            #expect(try await phone.next().status == 200)
        }
    }

    /// A stranger's claim to be somebody does not reach the user who is called (RFC 3325 §5).
    @Test func identitiesOfStrangersAreStripped() async throws {
        try await withServer { _, port in
            let callee = try RawPhone(server: port)
            #expect(try await callee.register("bob", password: "secret of bob").status == 200)
            let caller = try RawPhone(server: port)
            caller.send(
                caller.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: ["P-Asserted-Identity: <sip:boss@localhost>", "X-Other: kept"]))
            let received = try await callee.next()
            #expect(received.values("P-Asserted-Identity").isEmpty)
            #expect(received.values("X-Other") == ["kept"])
        }
    }

    @Test func identitiesOfTrustedSourcesStay() async throws {
        let trusted = try #require(ServerConfiguration.Network("127.0.0.0/8"))
        try await withServer({ $0.proxy.trustedNetworks = [trusted] }) { _, port in
            let callee = try RawPhone(server: port)
            #expect(try await callee.register("bob", password: "secret of bob").status == 200)
            let caller = try RawPhone(server: port)
            caller.send(
                caller.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: ["P-Asserted-Identity: <sip:boss@localhost>"]))
            #expect(try await callee.next().values("P-Asserted-Identity") == ["<sip:boss@localhost>"])
        }
    }

    /// Alice proves who she is and calls as bob.
    @Test func aUserSendsInNoOthersName() async throws {
        try await withServer { _, port in
            let phone = try RawPhone(server: port)
            let first = try await phone.ask(phone.request("MESSAGE", "sip:bob@localhost", from: "sip:bob@localhost"))
            #expect(first.status == 407)
            let credentials = try first.answer(
                "Proxy-Authenticate", "alice", "secret of alice", method: "MESSAGE", uri: "sip:bob@localhost")
            let answer = try await phone.ask(
                phone.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:bob@localhost", cSeq: 2,
                    headers: ["Proxy-Authorization: \(credentials)"]))
            #expect(answer.status == 403)
        }
    }

    /// The credentials for this server go no further (RFC 3261 §22.3).
    @Test func credentialsStayHere() async throws {
        try await withServer { _, port in
            let callee = try RawPhone(server: port)
            #expect(try await callee.register("bob", password: "secret of bob").status == 200)
            let caller = try RawPhone(server: port)
            let first = try await caller.ask(
                caller.request("MESSAGE", "sip:bob@localhost", from: "sip:alice@localhost"))
            let credentials = try first.answer(
                "Proxy-Authenticate", "alice", "secret of alice", method: "MESSAGE", uri: "sip:bob@localhost")
            caller.send(
                caller.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:alice@localhost", cSeq: 2,
                    headers: ["Proxy-Authorization: \(credentials)"]))
            #expect(try await callee.next().values("Proxy-Authorization").isEmpty)
        }
    }

    /// `proxy.ring-time`: the phone with the lower q rings when the one with the higher has rung that long.
    @Test func theSecondPhoneRingsAfterTheRingTime() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.proxy.ringTime = .seconds(1)
        }) { _, port in
            let (desk, cell, caller) = (
                try RawPhone(server: port), try RawPhone(server: port), try RawPhone(server: port)
            )
            let bob = "sip:bob@localhost"
            for (phone, q) in [(desk, "0.9"), (cell, "0.1")] {
                let answer = try await phone.ask(
                    phone.request("REGISTER", "sip:localhost", from: bob, to: bob, contactParameters: ";q=\(q)"))
                #expect(answer.status == 200)
            }
            caller.send(caller.request("INVITE", bob, from: "sip:alice@localhost"))
            let first = try await desk.next()
            #expect(first.text.hasPrefix("INVITE "))
            desk.send(desk.response(180, to: first))
            let second = try await cell.next()
            #expect(second.text.hasPrefix("INVITE "))
            #expect(try await desk.next().text.hasPrefix("CANCEL "))
            cell.send(cell.response(200, to: second))
            var answer = try await caller.next()
            while answer.status < 200 { answer = try await caller.next() }
            #expect(answer.status == 200)
            #expect(answer.values("To").first?.hasSuffix("tag=\(cell.port)") == true)
        }
    }
}
