import SIP
import Testing

@Suite struct DialogTests {
    typealias Messages = DialogMessages

    static let routes = ["<sip:p1.example.com;lr;x=1>, <sip:p2.example.com;lr>", "<sip:p3.example.com;lr>;y=2"]
    static let routeURIs = ["sip:p1.example.com;lr;x=1", "sip:p2.example.com;lr", "sip:p3.example.com;lr"]

    static func caller(
        _ status: Int = 200, contact: String? = "<sip:bob@10.0.0.2>", recordRoute: [String] = [],
        toTag: String? = "bob", uri: String = "sip:bob@example.com", isSecureTransport: Bool = false
    ) throws -> Dialog {
        let request = try Messages.request(uri: uri)
        let response = try Messages.response(status, toTag: toTag, contact: contact, recordRoute: recordRoute)
        return try Dialog(
            request: request, answeredBy: response, isSecureTransport: isSecureTransport)
    }

    static func callee(
        recordRoute: [String] = [], contact: String? = "<sip:alice@10.0.0.1>", fromTag: String? = "alice"
    ) throws -> Dialog {
        let request = try Messages.request(fromTag: fromTag, contact: contact, recordRoute: recordRoute)
        return try Dialog(received: request, localTag: Array("bob".utf8), isConfirmed: true)
    }

    // MARK: Creation

    @Test("RFC 3261 §12.1.2: the caller's dialog, routes in reverse order")
    func callersDialog() throws {
        let dialog = try Self.caller(recordRoute: Self.routes)
        #expect(
            dialog.id
                == DialogID(
                    callID: Array("call-1".utf8), localTag: Array("alice".utf8), remoteTag: Array("bob".utf8)))
        #expect(dialog.state == .confirmed)
        #expect(dialog.localSequence == 314)
        #expect(dialog.remoteSequence == nil)
        #expect(Messages.text(dialog.local) == "\"Alice\" <sip:alice@example.com>;tag=alice")
        #expect(Messages.text(dialog.remote) == "<sip:bob@example.com>;tag=bob")
        #expect("\(dialog.remoteTarget)" == "sip:bob@10.0.0.2")
        #expect(dialog.routeSet.uris.map(\.description) == Self.routeURIs.reversed())
        #expect(try Self.caller(180).state == .early)
    }

    @Test("RFC 3261 §12.1.1: the callee's dialog, routes in order")
    func calleesDialog() throws {
        let dialog = try Self.callee(recordRoute: Self.routes)
        #expect(
            dialog.id
                == DialogID(
                    callID: Array("call-1".utf8), localTag: Array("bob".utf8), remoteTag: Array("alice".utf8)))
        #expect(dialog.localSequence == nil)
        #expect(dialog.remoteSequence == 314)
        #expect(Messages.text(dialog.local) == "<sip:bob@example.com>;tag=bob")
        #expect(Messages.text(dialog.remote) == "\"Alice\" <sip:alice@example.com>;tag=alice")
        #expect("\(dialog.remoteTarget)" == "sip:alice@10.0.0.1")
        #expect(dialog.routeSet.uris.map(\.description) == Self.routeURIs)
    }

    @Test("RFC 3261 §12.1.1, §12.1.2: peers of RFC 2543 have no tag")
    func withoutTags() throws {
        #expect(try Self.caller(toTag: nil).id.remoteTag.isEmpty)
        #expect(try Self.callee(fromTag: nil).id.remoteTag.isEmpty)
    }

    @Test("RFC 3261 §12.1: secure if the request went over TLS to a SIPS URI")
    func secure() throws {
        #expect(try Self.caller(uri: "sips:bob@example.com", isSecureTransport: true).isSecure)
        #expect(try !Self.caller(uri: "sips:bob@example.com").isSecure)
        #expect(try !Self.caller(isSecureTransport: true).isSecure)
    }

    @Test("A request without Contact makes no dialog; a response without one leaves the Request-URI as target")
    func withoutContact() throws {
        let error = #expect(throws: MessageDefect.self) { try Self.callee(contact: nil) }
        #expect(error?.header == .contact)
        #expect("\(try Self.caller(180, contact: nil).remoteTarget)" == "sip:bob@example.com")
    }

    @Test("RFC 4475 §3.4.1: a caller of RFC 2543, without tag and Contact, is reached at the address in From")
    func withoutContactAndTag() throws {
        let dialog = try Self.callee(contact: nil, fromTag: nil)
        #expect("\(dialog.remoteTarget)" == "sip:alice@example.com")
    }

    @Test(
        "What cannot make a dialog is an error, not a trap",
        arguments: ["*", "<sip:bob", "\"", "<>", "<sip:b ob@x>", "<sip:bob@[::1>"])
    func malformed(contact: String) throws {
        #expect(throws: MessageDefect.self) { try Self.caller(contact: contact) }
        #expect(throws: MessageDefect.self) { try Self.callee(contact: contact) }
        #expect(throws: MessageDefect.self) { try Self.caller(recordRoute: [contact]) }
    }

    @Test("Folded fields stand on one line in our requests")
    func folded() throws {
        let request = try Message(
            "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>\r\n ;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
                + "Contact: <sip:a@c>\r\n\r\n")
        let dialog = try Dialog(received: request, localTag: [0x32], isConfirmed: true)
        #expect(Messages.text(dialog.remote) == "<sip:a>   ;tag=1")
    }

    @Test("RFC 3261 §12: the same dialog is named by the request of the peer and by the response to ours")
    func matching() throws {
        let bye = try Messages.request("BYE", fromTag: "alice", toTag: "bob")
        #expect(try DialogID(receiving: bye) == Self.callee().id)
        #expect(try DialogID(answering: Messages.response(200)) == Self.caller().id)
        let other = try Messages.request("BYE", fromTag: "alice", toTag: "Bob")
        #expect(try DialogID(receiving: other) != Self.callee().id)
    }

    // MARK: Requests

    static func head(_ dialog: Dialog, _ method: Method = .bye, via: String = "") -> [String] {
        var dialog = dialog
        var writer = ByteWriter()
        let sequence = dialog.nextSequence()
        Array(via.utf8).withUnsafeBytes { dialog.writeHead(of: method, sequence: sequence, via: $0, into: &writer) }
        return Messages.text(writer.array).split(separator: "\r\n").map(String.init)
    }

    @Test("RFC 3261 §12.2.1.1: a request of the caller, with its own number, Via and the peer's tag")
    func callersRequest() throws {
        #expect(
            Self.head(try Self.caller(), via: "Via: SIP/2.0/UDP a;branch=z9hG4bK2\r\n") == [
                "BYE sip:bob@10.0.0.2 SIP/2.0", "Via: SIP/2.0/UDP a;branch=z9hG4bK2", "Max-Forwards: 70",
                "From: \"Alice\" <sip:alice@example.com>;tag=alice", "To: <sip:bob@example.com>;tag=bob",
                "Call-ID: call-1", "CSeq: 315 BYE",
            ])
    }

    @Test("RFC 3261 §12.2.1.1: a request of the callee goes over the routes in order; its numbers begin anew")
    func calleesRequest() throws {
        let head = Self.head(try Self.callee(recordRoute: Self.routes))
        #expect(head.first == "BYE sip:alice@10.0.0.1 SIP/2.0")
        #expect(head.filter { $0.hasPrefix("Route:") } == Self.routeURIs.map { "Route: <\($0)>" })
        #expect(head.last == "CSeq: 1 BYE")
        #expect("\(try Self.callee(recordRoute: Self.routes).nextHop)" == Self.routeURIs[0])
        #expect("\(try Self.callee().nextHop)" == "sip:alice@10.0.0.1")
    }

    @Test("RFC 3261 §12.2.1.1: a strict first hop becomes the Request-URI, the peer the last Route")
    func strictRouter() throws {
        let dialog = try Self.callee(
            recordRoute: ["<sip:proxy1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>"], contact: "<sip:user@remoteua>")
        let head = Self.head(dialog)
        #expect(head.first == "BYE sip:proxy1 SIP/2.0")
        #expect(
            head.filter { $0.hasPrefix("Route:") } == [
                "Route: <sip:proxy2>", "Route: <sip:proxy3;lr>", "Route: <sip:proxy4>", "Route: <sip:user@remoteua>",
            ])
        #expect("\(dialog.nextHop)" == "sip:proxy1")
    }

    @Test(
        "RFC 3261 §19.1.1: what a Request-URI may not have is left out of it, and kept in Route",
        arguments: [
            ("sip:u@h;method=INVITE;transport=tcp?Subject=x", "sip:u@h;transport=tcp"),
            ("sip:u@h;transport=tcp;METHOD=BYE", "sip:u@h;transport=tcp"), ("sip:u@h;method=BYE", "sip:u@h"),
            ("sip:u@h?Subject=x", "sip:u@h"), ("sip:u@h;methods=x", "sip:u@h;methods=x"), ("tel:+81", "tel:+81"),
        ])
    func requestURI(contact: String, expected: String) throws {
        #expect("\(try Self.callee(contact: "<\(contact)>").requestURI)" == expected)
        let strict = try Self.callee(recordRoute: ["<sip:p;method=INVITE;a=b>"], contact: "<\(contact)>")
        #expect("\(strict.requestURI)" == "sip:p;a=b")
        #expect("\(strict.route[0])" == contact)
    }

    @Test("RFC 3261 §13.2.2.4, §22.1: the ACK has the INVITE's number and credentials, and no new number is used up")
    func ack() throws {
        let invite = try Messages.request(
            extra: "Authorization: Digest a=\"b\"\r\nProxy-Authorization: Digest c=\"d\"\r\nSubject: x\r\n")
        let response = try Messages.response(200, recordRoute: Self.routes)
        var dialog = try Dialog(request: invite, answeredBy: response)
        var writer = ByteWriter()
        invite.withView {
            dialog.writeAck(to: $0, via: UnsafeRawBufferPointer(start: nil, count: 0), into: &writer)
        }
        let ack = try Message(writer.array)
        #expect(ack.method == .ack)
        #expect(ack[.cSeq] == "314 ACK")
        #expect(ack.values(of: .route) == Self.routeURIs.reversed().map { "<\($0)>" })
        #expect(ack[.authorization] == "Digest a=\"b\"")
        #expect(ack[.proxyAuthorization] == "Digest c=\"d\"")
        #expect(ack[.subject] == nil)
        #expect(ack[.to] == "<sip:bob@example.com>;tag=bob")
        #expect(dialog.nextSequence() == 315)
    }

    @Test("A BYE is complete")
    func bye() throws {
        var dialog = try Self.caller()
        var writer = ByteWriter()
        let sequence = dialog.nextSequence()
        Array("Via: SIP/2.0/UDP a;branch=z9hG4bK3\r\n".utf8).withUnsafeBytes {
            dialog.writeBye(sequence: sequence, via: $0, into: &writer)
        }
        let bye = try Message(writer.array)
        #expect(bye.withView { $0.validate() } == nil)
        #expect(bye.method == .bye)
    }

    @Test("RFC 3261 §8.1.1.5: numbers go up by one and stay below 2^31")
    func sequences() throws {
        var dialog = try Self.caller()
        #expect((0..<3).map { _ in dialog.nextSequence() } == [315, 316, 317])
        let request = try Messages.request(sequence: Int(Int32.max))
        var last = try Dialog(request: request, answeredBy: Messages.response(200))
        #expect(last.nextSequence() == Dialog.highestSequence)
    }

    // MARK: The peer's requests

    @Test("RFC 3261 §12.2.2: higher numbers are in order, gaps too; others are not and change nothing")
    func order() throws {
        var dialog = try Self.callee()
        let numbers: [(Int, Dialog.Order)] = [
            (315, .inOrder), (320, .inOrder), (319, .outOfOrder), (320, .outOfOrder), (314, .outOfOrder),
            (321, .inOrder),
        ]
        for (number, expected) in numbers {
            let request = try Messages.request("INFO", sequence: number, toTag: "bob")
            #expect(try dialog.receive(request) == expected, "\(number)")
        }
        let ack = try Messages.request("ACK", sequence: 314, toTag: "bob")
        #expect(try dialog.receive(ack) == .inOrder)
        #expect(dialog.remoteSequence == 321)
    }

    @Test("RFC 3261 §12.2.2: the first request of the callee sets the number")
    func firstNumber() throws {
        var dialog = try Self.caller()
        #expect(try dialog.receive(Messages.request("INFO", sequence: 7)) == .inOrder)
        #expect(dialog.remoteSequence == 7)
        #expect(try dialog.receive(Messages.request("INFO", sequence: 6)) == .outOfOrder)
    }

    @Test("RFC 3261 §12.2: a target refresh changes the peer's address, not the routes")
    func targetRefresh() throws {
        var dialog = try Self.callee(recordRoute: Self.routes)
        let request = try Messages.request(
            sequence: 315, toTag: "bob", contact: "<sip:alice@10.9.9.9>", recordRoute: ["<sip:other;lr>"])
        try dialog.refreshTarget(from: request)
        #expect("\(dialog.remoteTarget)" == "sip:alice@10.9.9.9")
        #expect(dialog.routeSet.uris.map(\.description) == Self.routeURIs)
        try dialog.refreshTarget(from: Messages.request(sequence: 316, contact: nil))
        #expect("\(dialog.remoteTarget)" == "sip:alice@10.9.9.9")
        #expect(throws: MessageDefect.self) {
            try dialog.refreshTarget(from: Messages.request(sequence: 317, contact: "*"))
        }
    }

    @Test("RFC 3261 §12.2: which methods refresh the target")
    func refreshingMethods() {
        let refreshing = Method.all.filter { Dialog.isTargetRefresh($0) }
        #expect(Set(refreshing) == [.invite, .update, .subscribe, .notify])
    }

    // MARK: Responses

    @Test("RFC 3261 §12.2.1.2: a 2xx to a re-INVITE refreshes the target, other responses do not")
    func responses() throws {
        var dialog = try Self.caller()
        let moved = "<sip:bob@10.8.8.8>"
        #expect(
            try dialog.receive(Messages.response(200, contact: moved, method: "INFO"), to: .info) == .goesOn)
        #expect("\(dialog.remoteTarget)" == "sip:bob@10.0.0.2")
        #expect(try dialog.receive(Messages.response(488, contact: moved), to: .invite) == .goesOn)
        #expect("\(dialog.remoteTarget)" == "sip:bob@10.0.0.2")
        #expect(try dialog.receive(Messages.response(200, contact: moved), to: .invite) == .goesOn)
        #expect("\(dialog.remoteTarget)" == "sip:bob@10.8.8.8")
        #expect(dialog.state == .confirmed)
    }

    @Test("RFC 3261 §12.2.1.2: 481, 408 and silence end the dialog", arguments: [481, 408])
    func lost(status: Int) throws {
        var dialog = try Self.caller()
        #expect(try dialog.receive(Messages.response(status), to: .info) == .lost)
        #expect(dialog.state == .terminated)
        var silent = try Self.caller()
        #expect(silent.lose() == .lost)
        #expect(silent.state == .terminated)
    }

    @Test("RFC 3261 §15.1.1: any final response to BYE ends the dialog", arguments: [200, 401, 500])
    func byeAnswered(status: Int) throws {
        var dialog = try Self.caller()
        #expect(try dialog.receive(Messages.response(100), to: .bye) == .goesOn)
        #expect(dialog.state == .confirmed)
        #expect(try dialog.receive(Messages.response(status), to: .bye) == .goesOn)
        #expect(dialog.state == .terminated)
    }

    @Test("RFC 3261 §13.2.2.4: the 2xx recomputes the routes of an early dialog, not its numbers")
    func confirmation() throws {
        var dialog = try Self.caller(180, contact: "<sip:bob@early>")
        _ = dialog.nextSequence()
        try dialog.confirm(by: Messages.response(200, recordRoute: Self.routes))
        #expect(dialog.state == .confirmed)
        #expect(dialog.routeSet.uris.map(\.description) == Self.routeURIs.reversed())
        #expect("\(dialog.remoteTarget)" == "sip:bob@10.0.0.2")
        #expect(dialog.localSequence == 315)
        var broken = try Self.caller(180, contact: "<sip:bob@early>")
        #expect(throws: MessageDefect.self) { try broken.confirm(by: Messages.response(200, contact: "*")) }
        #expect(broken.state == .early)
        #expect("\(broken.remoteTarget)" == "sip:bob@early")
    }
}
