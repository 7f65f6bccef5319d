import SIP
import TestKit
import Testing

/// The 49 messages of RFC 4475, each treated as its section recommends.
@Suite(.enabled(if: TortureArchive.rfc4475.isPresent, "needs ../shared/rfc/rfc4475.txt"))
struct RFC4475Tests {
    @Test func allMessagesAreHere() {
        let names = Self.cases.map(\.name)
        #expect(names.count == 49)
        // The archive holds one more file, "test", that the text does not mention.
        #expect(Set(TortureArchive.rfc4475.messages.keys).subtracting(["test"]) == Set(names))
    }

    @Test(arguments: cases)
    func treatsTheMessageAsTheRFCSays(_ torture: TortureCase) throws {
        try torture.run(#require(TortureArchive.rfc4475.messages[torture.name]))
    }

    static let cases = validSyntax + invalidSyntax + transaction + application + backward

    // MARK: §3.1.1 Valid messages

    static let validSyntax: [TortureCase] = [
        TortureCase("wsinv", "3.1.1.1", .valid) { (view) throws in
            #expect(view.method == .invite)
            #expect(try view.text(view.requestURI.parameters) == ";unknownparam")
            let to = try view.to
            #expect(view.text(to.uri) == "sip:vivekg@chair-dnrc.example.com")
            #expect(view.text(to.tag) == "1918181833n")
            let from = try view.from
            #expect(NameAddress.unquote(view.text(from.displayName)) == #"J Rosenberg \""#)
            #expect(view.text(from.uri) == "sip:jdrosen@example.com")
            #expect(view.text(from.tag) == "98asjd8")
            #expect(try view.maxForwards == 68)
            #expect(try view.cSeq.number == 9)
            #expect(try view.cSeq.method == .invite)
            #expect(try view.contentLength == 150)
            #expect(view.body.count == 150)
            #expect(view.value(of: .subject).map { $0.isEmpty } == true)
            #expect(view.unregistered("UnknownHeaderWithUnusualValue") == ";;,,;;,;")
            #expect(view.unregistered("NewFangledHeader")?.contains("continued newfangled value") == true)
            let route = try view.single(.route)
            let routeParameters = try view.parameters(view.uri(route.uri).parameters)
            #expect(routeParameters.map { view.text($0.name) } == ["lr", "unknownwith", "unknown-no-value"])
            let vias = try view.values(of: .via).map { try view.via($0) }
            #expect(vias.map { view.text($0.host) } == ["192.0.2.2", "spindle.example.com", "192.168.255.111"])
            #expect(vias.map(\.transport) == [.udp, .tcp, .udp])
            #expect(vias.map { view.text($0.branch) } == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"])
            #expect(vias.allSatisfy { $0.isVersion2 })
            let contact = try view.single(.contact)
            #expect(NameAddress.unquote(view.text(contact.displayName)) == #"Quoted string """#)
            #expect(view.parameter("newparam", in: contact.parameters) == "newvalue")
            #expect(view.parameter("secondparam", in: contact.parameters) == "")
            #expect(try view.contact(contact.whole).quality == 330)
        },
        TortureCase("intmeth", "3.1.1.2", .valid) { (view) throws in
            let method = "!interesting-Method0123456789_*+`.%indeed'~"
            #expect(view.method == .unknown)
            #expect(view.text(view.startLine.methodRange) == method)
            #expect(try view.text(view.cSeq.methodRange) == method)
            let user = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
            let uri = try view.requestURI
            #expect(view.text(uri.user) == user)
            #expect(view.text(uri.password) == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
            #expect(view.text(uri.host) == "example.com")
            #expect(try view.text(view.topVia.branch) == "z9hG4bK-.!%66*_+`'~")
            let to = try view.to
            #expect(NameAddress.unquote(view.text(to.displayName)) == "BEL:\u{07} NUL:\u{00} DEL:\u{7F}")
            #expect(try view.text(view.uri(to.uri).user) == user)
            let from = try view.from
            #expect(view.text(from.displayName) == "token1~` token2'+_ token3*%!.-")
            #expect(view.text(from.uri) == "sip:mundane@example.com")
            #expect(view.parameter("fromParam''~+*_!.-%", in: from.parameters) == "\"работающий\"")
            #expect(view.text(from.tag) == "_token~1'+`*%!-.")
            #expect(try view.text(view.callID) == #"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#)
            #expect(try view.cSeq.number == 139_122_385)
            #expect(try view.maxForwards == 255)
            #expect(
                view.unregistered("extensionHeader-!.%*+_`'~").map { Array($0.utf8) }
                    == [0xEF, 0xBB, 0xBF, 0xE5, 0xA4, 0xA7, 0xE5, 0x81, 0x9C, 0xE9, 0x9B, 0xBB])
        },
        TortureCase("esc01", "3.1.1.3", .valid) { (view) throws in
            #expect(view.method == .invite)
            #expect(try URI(view, view.startLine.uriRange).user == "sips:user@example.com")
            #expect(try URI(view, view.to.uri).user == "user")
            #expect(try URI(view, view.from.uri).user == "I have spaces")
            let contact = try URI(view, view.single(.contact).uri)
            #expect(contact.user == "caller")
            #expect(contact.parameters.map(\.name) == ["lr", "name"])
            // Escapes are undone once, never twice.
            #expect(contact.parameter("name") == "value%41")
        },
        TortureCase("escnull", "3.1.1.4", .valid) { (view) throws in
            #expect(view.method == .register)
            #expect(try URI(view, view.to.uri).user == "null-\u{0}-null")
            let contacts = try view.values(of: .contact).map { try URI(view, view.address($0).uri) }
            #expect(contacts.map(\.user) == ["\u{0}", "\u{0}\u{0}"])
            #expect(!contacts[0].isEquivalent(to: contacts[1]))
        },
        TortureCase("esc02", "3.1.1.5", .valid) { (view) throws in
            #expect(view.method == .unknown)
            #expect(view.text(view.startLine.methodRange) == "RE%47IST%45R")
            #expect(try NameAddress.unquote(view.text(view.to.displayName)) == "%Z%45")
            #expect(try NameAddress.unquote(view.text(view.from.displayName)) == "%Z%45")
            #expect(view.texts(.contact) == ["<sip:alias1@host1.example.com>", "<sip:alias3@host3.example.com>"])
            #expect(view.unregistered("C%6Fntact") == "<sip:alias2@host2.example.com>")
        },
        TortureCase("lwsdisp", "3.1.1.6", .valid) { (view) throws in
            #expect(view.method == .options)
            #expect(try view.text(view.from.displayName) == "caller")
            #expect(try view.text(view.from.uri) == "sip:caller@example.com")
        },
        TortureCase("longreq", "3.1.1.7", .valid) { (view) throws in
            func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }
            let to = try view.to
            #expect(
                NameAddress.unquote(view.text(to.displayName))
                    == "I have a user name of \(times(10, "extreme")) proportion")
            let toURI = try view.uri(to.uri)
            #expect(toURI.port == 6000)
            #expect(view.parameter("unknownparam1", in: toURI.parameters) == "very\(times(20, "long"))value")
            #expect(view.parameter("longparam\(times(25, "name"))", in: toURI.parameters) == "shortvalue")
            #expect(view.parameter("very\(times(25, "long"))ParameterNameWithNoValue", in: toURI.parameters) == "")
            let from = try view.from
            #expect(view.text(from.uri) == "sip:\(times(5, "amazinglylongcallername"))@example.net")
            #expect(view.text(from.tag) == "12\(times(50, "982"))424")
            #expect(
                view.parameter("unknownheaderparam\(times(20, "name"))", in: from.parameters)
                    == "unknowheaderparam\(times(15, "value"))")
            #expect(view.parameter("unknownValueless\(times(10, "paramname"))", in: from.parameters) == "")
            #expect(try view.text(view.callID) == "longreq.one\(times(20, "really"))longcallid")
            let unknown = "unknown-\(times(20, "long"))"
            #expect(
                view.unregistered("Unknown-\(times(20, "Long"))-Name")
                    == "\(unknown)-value; \(unknown)-parameter-name = \(unknown)-parameter-value")
            let vias = try view.values(of: .via).map { try view.via($0) }
            #expect(
                vias.dropLast().map { view.text($0.host) }
                    == (1...33).reversed().map { "sip\($0).example.com" })
            let last = try #require(vias.last)
            #expect(view.text(last.received) == "192.0.2.5")
            #expect(view.text(last.branch) == "very\(times(50, "long"))branchvalue")
            #expect(view.body.count == 150)
        },
        TortureCase("dblreq", "3.1.1.8", .valid) { (view) throws in
            #expect(view.method == .register)
            #expect(view.body.isEmpty)
            #expect(view.fieldCount(of: .via) == 1)
            #expect(view.body.upperBound < view.count)
            // What a proxy forwards ends with the message.
            var editor = MessageEditor()
            editor.set(.maxForwards, of: view) { $0.append(decimal: 7) }
            var writer = ByteWriter()
            editor.write(view, into: &writer)
            let forwarded = String(decoding: writer.bytes, as: UTF8.self)
            #expect(forwarded.hasSuffix("Content-Length: 0\r\n\r\n"))
            #expect(!forwarded.contains("INVITE"))
        },
        TortureCase("semiuri", "3.1.1.9", .valid) { (view) throws in
            let uri = try URI(view, view.startLine.uriRange)
            #expect(try view.text(view.requestURI.user) == "user;par=u%40example.net")
            #expect(uri.user == "user;par=u@example.net")
            #expect(uri.host == "example.com")
            #expect(uri.parameters.isEmpty)
            #expect(
                view.texts(.accept) == [
                    "application/sdp", "application/pkcs7-mime", "multipart/mixed", "multipart/signed", "message/sip",
                    "message/sipfrag",
                ])
        },
        TortureCase("transports", "3.1.1.10", .valid) { (view) throws in
            let vias = try view.values(of: .via).map { try view.via($0) }
            #expect(vias.map(\.transport) == [.udp, .sctp, .tls, .other, .tcp])
            #expect(vias.map { view.text($0.transportRange) } == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"])
        },
        TortureCase("mpart01", "3.1.1.11", .valid) { (view) throws in
            let type = try #require(view.value(of: .contentType).map { view.text($0) })
            let parts = try Multipart(view.array(view.body), contentType: type).parts
            #expect(parts.map { $0["Content-Type"] } == ["text/plain", "application/octet-stream"])
            #expect(parts[0].body == Array("Hello".utf8))
            #expect(parts[1].body.starts(with: [0x30, 0x82, 0x01, 0x52, 0x06, 0x09, 0x2A, 0x86]))
            #expect(parts[1].body.contains(0))
            #expect(parts[1].body.count == 342)
            #expect(view.body.count == 553)
            #expect(try view.date?.description == "Sat, 15 Oct 2005 04:44:56 GMT")
        },
        TortureCase("unreason", "3.1.1.12", .valid) { (view) throws in
            #expect(view.statusCode == 200)
            #expect(
                view.text(view.startLine.reasonRange)
                    == "= 2**3 * 5**2 но сто девяносто девять - простое")
        },
        TortureCase("noreason", "3.1.1.13", .valid) { (view) throws in
            #expect(view.statusCode == 100)
            #expect(view.startLine.reasonRange.isEmpty)
        },
    ]

    // MARK: §3.1.2 Invalid messages

    static let invalidSyntax: [TortureCase] = [
        TortureCase("badinv01", "3.1.2.1", .defect(.headerValue, 400, .via)) { (view) throws in
            // The Contact with its surplus semicolons is as bad as the Via.
            #expect(throws: MessageDefect(.headerValue, "")) { try view.single(.contact) }
        },
        TortureCase("clerr", "3.1.2.2", .defect(.truncatedBody, 400, .contentLength)),
        TortureCase("ncl", "3.1.2.3", .defect(.headerValue, 400, .contentLength)),
        TortureCase("scalar02", "3.1.2.4", .defect(.headerValue, 400, .cSeq)) { (view) throws in
            #expect(throws: MessageDefect(.headerValue, "")) { try view.maxForwards }
            #expect(throws: MessageDefect(.headerValue, "")) { try view.expires }
            #expect(view.tolerantExpires == .max)
            let contact = try view.contact(#require(view.firstValue(of: .contact)))
            #expect(contact.expires == .max)
        },
        TortureCase("scalarlg", "3.1.2.5", .dropped(.headerValue, .cSeq)) { (view) throws in
            #expect(try view.retryAfter?.seconds == .max)
            let warning = try #require(view.firstValue(of: .warning))
            #expect(throws: MessageDefect(.headerValue, "")) { try view.warning(warning) }
        },
        TortureCase("quotbal", "3.1.2.6", .defect(.headerValue, 400, .to)),
        TortureCase("ltgtruri", "3.1.2.7", .defect(.uri, 400, .other)),
        TortureCase("lwsruri", "3.1.2.8", .defect(.uri, 400, .other)),
        TortureCase("lwsstart", "3.1.2.9", .defect(.startLine, 400, .other)),
        TortureCase("trws", "3.1.2.10", .defect(.startLine, 400, .other)),
        TortureCase("escruri", "3.1.2.11", .defect(.uri, 400, .other)) { (view) throws in
            #expect(try view.text(view.requestURI.headers) == "Route=%3Csip:example.com%3E")
        },
        // An element that does not use the date does not reject the request.
        TortureCase("baddate", "3.1.2.12", .valid) { (view) throws in
            #expect(view.texts(.date) == ["Fri, 01 Jan 2010 16:00:00 EST"])
            #expect(throws: MessageDefect(.headerValue, "")) { try view.date }
        },
        TortureCase("regbadct", "3.1.2.13", .defect(.headerValue, 400, .contact)),
        TortureCase("badaspec", "3.1.2.14", .defect(.uri, 400, .to)),
        TortureCase("baddn", "3.1.2.15", .defect(.headerValue, 400, .from)),
        TortureCase("badvers", "3.1.2.16", .defect(.version, 505, .other)),
        TortureCase("mismatch01", "3.1.2.17", .defect(.methodMismatch, 400, .cSeq)),
        TortureCase("mismatch02", "3.1.2.18", .defect(.methodMismatch, 501, .cSeq)),
        TortureCase("bigcode", "3.1.2.19", .dropped(.startLine, .other)),
    ]

    // MARK: §3.2 Transaction layer

    static let transaction: [TortureCase] = [
        TortureCase("badbranch", "3.2.1", .defect(.headerValue, 400, .via)) { (view) throws in
            #expect(try view.text(view.topVia.branch) == "z9hG4bK")
        }
    ]

    // MARK: §3.3 Application layer

    static let application: [TortureCase] = [
        TortureCase("insuf", "3.3.1", .defect(.missingHeader, 400, .from)),
        TortureCase("unkscm", "3.3.2", .refused(416)) { (view) throws in
            #expect(try view.requestURI.scheme == .other)
            #expect(view.text(view.startLine.uriRange) == "nobodyKnowsThisScheme:totallyopaquecontent")
        },
        TortureCase("novelsc", "3.3.3", .refused(416)) { (view) throws in
            #expect(try view.requestURI.scheme == .other)
            #expect(view.text(view.startLine.uriRange) == "soap.beep://192.0.2.103:3002")
        },
        // A registrar wants a SIP or SIPS URI in To.
        TortureCase("unksm2", "3.3.4", .refused(400)) { (view) throws in
            #expect(view.method == .register)
            #expect(try view.text(view.to.uri) == "isbn:2983792873")
            #expect(try view.uri(view.to.uri).scheme == .other)
            #expect(try view.text(view.from.uri) == "http://www.example.com")
            #expect(try view.text(view.single(.contact).uri) == "name:John_Smith")
        },
        TortureCase("bext01", "3.3.5", .refused(420)) { (view) throws in
            #expect(view.texts(.require) == ["nothingSupportsThis", "nothingSupportsThisEither"])
            #expect(view.optionTags(.require) == [.unknown])
            var writer = ByteWriter()
            view.writeUnsupported(.require, supported: [.reliableProvisional], into: &writer)
            let unsupported = String(decoding: writer.bytes, as: UTF8.self)
            #expect(unsupported == "Unsupported: nothingSupportsThis, nothingSupportsThisEither\r\n")
            #expect(view.texts(.proxyRequire) == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"])
        },
        TortureCase("invut", "3.3.6", .refused(415)) { (view) throws in
            let type = try #require(try view.contentType)
            #expect(view.text(type.type) == "application")
            #expect(view.text(type.subtype) == "unknownformat")
            #expect(view.body.count == 40)
        },
        TortureCase("regaut01", "3.3.7", .refused(401)) { (view) throws in
            #expect(view.texts(.authorization) == ["NoOneKnowsThisScheme opaque-data=here"])
            #expect(try view.contentLength == 0)
        },
        TortureCase("multi01", "3.3.8", .defect(.repeatedHeader, 400, .cSeq)),
        TortureCase("mcl01", "3.3.9", .defect(.repeatedHeader, 400, .contentLength)),
        TortureCase("bcast", "3.3.10", .valid) { (view) throws in
            // Whoever forwards responses sees where this one would go.
            var vias = view.values(of: .via)
            _ = vias.next()
            let value = vias.next()
            let second = try view.via(#require(value))
            #expect(view.text(second.host) == "255.255.255.255")
            #expect(AddressLiteral(view.bytes(second.host))?.isBroadcast == true)
        },
        TortureCase("zeromf", "3.3.11", .refused(483)) { (view) throws in
            #expect(try view.maxForwards == 0)
        },
        TortureCase("cparam01", "3.3.12", .valid) { (view) throws in
            let contact = try view.single(.contact)
            #expect(view.text(contact.uri) == "sip:+19725552222@gw1.example.net")
            #expect(view.text(contact.parameters) == ";unknownparam")
        },
        TortureCase("cparam02", "3.3.13", .valid) { (view) throws in
            let contact = try view.single(.contact)
            #expect(try view.text(view.uri(contact.uri).parameters) == ";unknownparam")
            #expect(contact.parameters.isEmpty)
        },
        TortureCase("regescrt", "3.3.14", .valid) { (view) throws in
            let contact = try URI(view, view.single(.contact).uri)
            #expect(contact.headers.map(\.name) == ["Route"])
            #expect(contact.headers.first?.value == "<sip:sip.example.com>")
        },
        TortureCase("sdp01", "3.3.15", .refused(406)) { (view) throws in
            #expect(!view.accepts("application", "sdp"))
            #expect(view.accepts("text", "nobodyknowsthis"))
        },
    ]

    // MARK: §3.4 Backward compatibility

    static let backward: [TortureCase] = [
        TortureCase("inv2543", "3.4.1", .valid) { (view) throws in
            #expect(try view.topVia.branch.isEmpty)
            #expect(try view.from.tag.isEmpty)
            #expect(try view.contentLength == nil)
            #expect(try view.maxForwards == nil)
            #expect(view.body.upperBound == view.count)
            #expect(view.text(view.body).hasPrefix("v=0\r\n"))
            #expect(view.text(view.body).hasSuffix("m=audio 49217 RTP/AVP 0\r\n"))
            let to = try view.to
            #expect(view.text(to.uri) == "sip:+16505552222@ss1.example.net")
            #expect(view.text(to.parameters) == ";user=phone")
        }
    ]
}
