import Reactor
import SIPEndpoint
import TestKit
import Testing

@testable import Server

/// The contacts that are tried, by what the domain, the user and the caller want.
@Suite struct PreferenceTests {
    /// A phone of bob's with these Contact parameters.
    private func register(_ port: UInt16, _ parameters: String) async throws -> RawPhone {
        let phone = try RawPhone(server: port)
        let bob = "sip:bob@localhost"
        let answer = try await phone.ask(
            phone.request("REGISTER", "sip:localhost", from: bob, to: bob, contactParameters: parameters))
        #expect(answer.status == 200)
        return phone
    }

    private func contact(_ phone: RawPhone) -> String { "<sip:phone@127.0.0.1:\(phone.port)>" }

    @Test func aRedirectingDomainTellsTheContacts() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].mode = .redirect
        }) { _, port in
            let second = try await register(port, ";q=0.25;audio")
            let first = try await register(port, ";q=0.5;+sip.instance=\"<urn:x>\"")
            let caller = try RawPhone(server: port)
            let answer = try await caller.ask(
                caller.request("INVITE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            #expect(answer.status == 302)
            // Without the features: who is told goes by the order and does not choose again (RFC 3841 §7.2.4).
            #expect(answer.values("Contact") == ["\(contact(first));q=0.5", "\(contact(second));q=0.25"])
            #expect(answer.values("Record-Route").isEmpty)
            let unknown = try await caller.ask(
                caller.request("MESSAGE", "sip:alice@localhost", from: "sip:a@elsewhere.test"))
            #expect(unknown.status == 480)
        }
    }

    /// Contacts that only this server leads to are of no use to whoever is told them; where there is no other, nobody is.
    @Test(arguments: [
        // Behind a NAT, behind a proxy, and where nobody is (RFC 7118 §8.1).
        ("sip:bob@10.9.8.7", ""), ("sip:bob@127.0.0.1:9", "Path: <sip:edge@192.0.2.9;lr>"), ("sip:bob@a.invalid", ""),
    ])
    func noContactIsToldThatOthersCannotReach(_ hidden: String, _ header: String) async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].mode = .redirect
            $0.listeners.append(ServerConfiguration.Listener(transport: .tcp, address: "127.0.0.1", port: 0))
        }) { server, port in
            let of = "sip:bob@localhost"
            let phone = try RawPhone(server: port)
            let headers = ["Supported: path"] + (header.isEmpty ? [] : [header])
            let text = phone.request("REGISTER", "sip:localhost", from: of, to: of, headers: headers)
            let answer = try await phone.ask(text.replacing(contact(phone), with: "<\(hidden)>"))
            #expect(answer.status == 200)
            // One whose contact is its connection's other end, as it was opened to us.
            let connected = try RawConnection(server: server.listeners[1].address.port)
            connected.send(connected.register("bob"))
            #expect(try await connected.next().status == 200)
            let caller = try RawPhone(server: port)
            func ask() async throws -> RawMessage {
                try await caller.ask(caller.request("MESSAGE", of, from: "sip:a@elsewhere.test"))
            }
            #expect(try await ask().status == 480)
            let open = try await register(port, "")
            let redirected = try await ask()
            #expect(redirected.status == 302)
            #expect(redirected.values("Contact") == [contact(open)])
        }
    }

    @Test func someUsersAreRedirected() async throws {
        try await withServer({
            $0.authentication.isRequired = false
            $0.domains[0].redirectedUsers = ["bob"]
        }) { server, port in
            let bob = try await register(port, "")
            let caller = try RawPhone(server: port)
            let request = { caller.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test") }
            let answer = try await caller.ask(request())
            #expect(answer.status == 302)
            #expect(answer.values("Contact") == [contact(bob)])
            // A reload changes it.
            var new = server.configuration
            new.domains[0].redirectedUsers = []
            #expect(await server.reload(new).reloadable.map(\.key) == ["domains"])
            caller.send(request())
            #expect(try await bob.next().text.hasPrefix("MESSAGE "))
        }
    }

    /// Request-Disposition and preferences, and the contacts that the caller is told.
    @Test(arguments: [
        ("Request-Disposition: redirect", ["0.5", "0.5", "0.25"]),
        ("Request-Disposition: redirect, no-fork", ["0.5"]),
        ("Request-Disposition: redirect\nAccept-Contact: *;video;require", ["1"]),
        ("Request-Disposition: redirect\nAccept-Contact: *;audio", ["1", "0.999", "0.998"]),
        ("Request-Disposition: redirect\nReject-Contact: *;audio", ["1", "0.999"]),
        ("Request-Disposition: redirect, sequential", ["1", "0.999", "0.998"]),
    ])
    func theCallerChooses(_ headers: String, _ qualities: [String]) async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            _ = try await register(port, ";q=0.25;video=\"FALSE\";audio=\"FALSE\"")
            _ = try await register(port, ";q=0.5;audio;video=\"FALSE\"")
            _ = try await register(port, ";q=0.5;video;mobility=\"fixed\"")
            let caller = try RawPhone(server: port)
            let answer = try await caller.ask(
                caller.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: headers.split(separator: "\n").map(String.init)))
            #expect(answer.status == 302)
            let given = answer.values("Contact").map { String($0.split(separator: ";q=").dropFirst().first ?? "1") }
            #expect(given == qualities)
        }
    }

    @Test func whomNobodyFitsGets480() async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            _ = try await register(port, ";video=\"FALSE\"")
            let caller = try RawPhone(server: port)
            let answer = try await caller.ask(
                caller.request(
                    "INVITE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: ["Accept-Contact: *;video;require"]))
            #expect(answer.status == 480)
            #expect(answer.text.contains("prefers"))
        }
    }

    /// `no-cancel`: the phone that lost goes on ringing.
    @Test func theCallerSparesTheLosers() async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            let (one, two) = (try await register(port, ""), try await register(port, ""))
            let caller = try RawPhone(server: port)
            caller.send(
                caller.request(
                    "INVITE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: ["Request-Disposition: no-cancel"]))
            let (first, second) = (try await one.next(), try await two.next())
            one.send(one.response(180, to: first))
            two.send(two.response(200, to: second))
            var answer = try await caller.next()
            while answer.status < 200 { answer = try await caller.next() }
            #expect(answer.status == 200)
            // What comes next to the one that rings is no CANCEL.
            caller.send(caller.request("MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test"))
            #expect(try await one.next().text.hasPrefix("MESSAGE "))
        }
    }

    /// `no-recurse`: the caller hears the 302 of the phone.
    @Test func theCallerGoesWhereThePhoneSays() async throws {
        try await withServer({ $0.authentication.isRequired = false }) { _, port in
            let (bob, alice) = (try await register(port, ""), try RawPhone(server: port))
            let of = "sip:alice@localhost"
            #expect(try await alice.ask(alice.request("REGISTER", "sip:localhost", from: of, to: of)).status == 200)
            let caller = try RawPhone(server: port)
            caller.send(
                caller.request(
                    "MESSAGE", "sip:bob@localhost", from: "sip:a@elsewhere.test",
                    headers: ["Request-Disposition: no-recurse"]))
            let message = try await bob.next()
            bob.send(bob.response(302, to: message).replacing(contact(bob), with: "<\(of)>"))
            let answer = try await caller.next()
            #expect(answer.status == 302)
            #expect(answer.values("Contact") == ["<\(of)>"])
        }
    }
}
