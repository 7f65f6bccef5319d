import Routing
import SIP
import Testing

@testable import Registrar

/// RFC 3327 §5.3 and RFC 3608 §6.3.
@Suite struct PathTests {
    private func path(_ fixture: RegistrarFixture) -> [String] {
        fixture.bindings().map { String(decoding: $0.path, as: UTF8.self) }
    }

    @Test(arguments: [
        (["Path: <sip:p1.example.com;lr>"], "<sip:p1.example.com;lr>"),
        (["Path: <sip:p3;lr>,<sip:p2;lr>", "Path: <sips:p1;lr>"], "<sip:p3;lr>,<sip:p2;lr>,<sips:p1;lr>"),
        (["Path: \"A, proxy\" <sip:a%2Cb@p1;lr?x=y>;q=1"], "<sip:a%2Cb@p1;lr?x=y>;q=1"),
        // Folds and tabs are white space like any other; the journal takes back neither.
        (["Path: <sip:p1;lr>\r\n ;q=1;\tx=\"a\r\n b\""], "<sip:p1;lr>;q=1; x=\"a   b\""),
    ])
    func isKeptInItsOrderAndTold(_ fields: [String], _ kept: String) throws {
        let fixture = RegistrarFixture(isJournaled: true)
        let answer = try fixture.send(Register("<sip:a@10.0.0.1>").with(\.fields, fields))
        #expect(answer.statusCode == 200)
        #expect(answer.values(of: .path).joined(separator: ",") == kept)
        #expect(path(fixture) == [kept])
        #expect(fixture.journal?.rows.values.map(\.path) == [kept])
        // A list of bindings says nothing of it, and keeps it.
        let list = try fixture.send(Register())
        #expect(list.values(of: .path).isEmpty)
        #expect(path(fixture) == [kept])
    }

    @Test func aRefreshSetsItAnew() throws {
        let fixture = RegistrarFixture(isJournaled: true)
        for (index, value) in ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:longer.example.com;lr>", ""].enumerated() {
            let fields = value.isEmpty ? [] : ["Path: \(value)"]
            try fixture.send(Register("<sip:a@10.0.0.1>", cSeq: UInt32(index) + 1).with(\.fields, fields))
            #expect(path(fixture) == [value])
            #expect(fixture.journal?.rows.values.map(\.path) == [value])
        }
        // Each contact has that of the request which set it.
        try fixture.send(Register("<sip:b@10.0.0.1>", callID: "two").with(\.fields, ["Path: <sip:p9;lr>"]))
        #expect(Set(path(fixture)) == ["", "<sip:p9;lr>"])
    }

    @Test(arguments: ["sip:p1;lr", "<tel:+1>", "<sip:>", "<sip:p1;lr", "*", "<sip:p1;lr> x"])
    func whatIsMalformedIsRefused(_ value: String) throws {
        let fixture = RegistrarFixture()
        #expect(try fixture.send(Register("<sip:a@10.0.0.1>").with(\.fields, ["Path: \(value)"])).statusCode == 400)
        #expect(fixture.table.statistics.bindings == 0)
    }

    @Test func hasALimit() throws {
        let fixture = RegistrarFixture()
        let values = (0..<60).map { "<sip:proxy\(1_000 + $0).test;lr>" }
        let answer = try fixture.send(
            Register("<sip:a@10.0.0.1>").with(\.fields, ["Path: \(values.joined(separator: ","))"]))
        #expect(answer.statusCode == 403)
        #expect(answer.reasonPhrase == "Path Too Long")
    }

    @Test func supportCanBeDemanded() throws {
        let fixture = RegistrarFixture { $0.requiresPathSupport = true }
        let request = Register("<sip:a@10.0.0.1>")
        let refused = try fixture.send(request.with(\.fields, ["Path: <sip:p1;lr>"]))
        #expect(refused.statusCode == 420)
        #expect(refused[.unsupported] == "path")
        let fields = ["Path: <sip:p1;lr>", "Supported: outbound, Path"]
        #expect(try fixture.send(request.with(\.fields, fields)).statusCode == 200)
        #expect(try fixture.send(Register("<sip:a@10.0.0.1>", cSeq: 2)).statusCode == 200)
    }

    @Test func mayBeRequired() throws {
        let fixture = RegistrarFixture()
        let fields = ["Path: <sip:p1;lr>", "Require: path", "Proxy-Require: path"]
        #expect(try fixture.send(Register("<sip:a@10.0.0.1>").with(\.fields, fields)).statusCode == 200)
        let refused = try fixture.send(Register("<sip:a@10.0.0.1>").with(\.fields, ["Require: path, foo"]))
        #expect(refused.statusCode == 420)
        #expect(refused[.unsupported] == "foo")
    }

    /// Also to those who only ask, as §6.3 of RFC 3608 wants; and each domain has its own.
    @Test func phonesAreToldTheServiceRoute() throws {
        let route = "<sip:p1.home.example;lr>, <sip:p2.home.example;lr>"
        let fixture = RegistrarFixture { $0.serviceRoutes = [Array(route.utf8)] }
        for request in [Register("<sip:a@10.0.0.1>"), Register(), Register("*", expires: "0", cSeq: 9)] {
            #expect(try fixture.send(request)[.serviceRoute] == route)
        }
        let other = Register("<sip:a@10.0.0.1>").with(\.uri, "sip:example.org").with(\.to, "<sip:alice@example.org>")
        #expect(try fixture.send(other)[.serviceRoute] == nil)
        #expect(try fixture.send(Register("<sip:a@10.0.0.1>;expires=1"))[.serviceRoute] == nil)
    }

    /// Who registers a SIPS address is told SIPS URIs, and who does not is not.
    @Test func secureRegistrationsAreToldASecureServiceRoute() throws {
        let (plain, secure) = ("<sip:p1.home.example;lr>", "<sips:p1.home.example;lr>")
        let fixture = RegistrarFixture {
            $0.serviceRoutes = [Array(plain.utf8)]
            $0.secureServiceRoutes = [Array(secure.utf8)]
        }
        let register = Register("<sips:a@10.0.0.1>").with(\.uri, "sips:example.com")
            .with(\.to, "<sips:alice@example.com>").with(\.via, "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1")
        #expect(try fixture.send(register)[.serviceRoute] == secure)
        #expect(try fixture.send(Register("<sip:a@10.0.0.1>", callID: "2"))[.serviceRoute] == plain)
    }
}
