import SIP
import TestKit
import Testing

/// The 12 messages of RFC 5118: IPv6 references wherever they may and may not stand.
@Suite(.enabled(if: TortureArchive.rfc5118.isPresent, "needs ../shared/rfc/rfc5118.txt"))
struct RFC5118Tests {
    @Test func allMessagesAreHere() {
        let names = Self.cases.map(\.name)
        #expect(names.count == 12)
        #expect(Set(names) == Set(TortureArchive.rfc5118.messages.keys))
    }

    @Test(arguments: cases)
    func treatsTheMessageAsTheRFCSays(_ torture: TortureCase) throws {
        try torture.run(#require(TortureArchive.rfc5118.messages[torture.name]))
    }

    static let cases: [TortureCase] = [
        TortureCase("ipv6-good", "4.1", .valid) { (view) throws in
            #expect(try URI(view, view.startLine.uriRange).host == "2001:db8::10")
            let via = try view.topVia
            #expect(view.text(via.host) == "[2001:db8::9:1]")
            #expect(!via.hasPort)
            #expect(try URI(view, view.single(.contact).uri).host == "2001:db8::1")
        },
        TortureCase("ipv6-bad", "4.2", .defect(.uri, 400, .other)),
        TortureCase("port-ambiguous", "4.3", .valid) { (view) throws in
            let uri = try URI(view, view.startLine.uriRange)
            #expect(uri.host == "2001:db8::10:5070")
            #expect(uri.port == nil)
        },
        TortureCase("port-unambiguous", "4.4", .valid) { (view) throws in
            let uri = try URI(view, view.startLine.uriRange)
            #expect(uri.host == "2001:db8::10")
            #expect(uri.port == 5070)
        },
        TortureCase("via-received-param-with-delim", "4.5", .valid) { (view) throws in
            let received = try view.topVia.received
            #expect(view.text(received) == "[2001:db8::9:255]")
            #expect(AddressLiteral(view.bytes(received)) == .v6(high: 0x2001_0DB8_0000_0000, low: 0x0009_0255))
        },
        TortureCase("via-received-param-no-delim", "4.5", .valid) { (view) throws in
            let received = try view.topVia.received
            #expect(view.text(received) == "2001:db8::9:255")
            #expect(AddressLiteral(view.bytes(received)) == .v6(high: 0x2001_0DB8_0000_0000, low: 0x0009_0255))
        },
        TortureCase("ipv6-in-sdp", "4.6", .valid) { (view) throws in
            #expect(try view.contentLength == Int(view.body.count))
            #expect(view.text(view.body).contains("c=IN IP6 2001:db8::20\r\n"))
        },
        TortureCase("mult-ip-in-header", "4.7", .valid) { (view) throws in
            let vias = try view.values(of: .via).map { try view.via($0) }
            #expect(vias.map { view.text($0.sentBy) } == ["[2001:db8::9:1]:6050", "192.0.2.1", "[2001:db8::9:255]"])
            #expect(vias.map(\.transport) == [.udp, .udp, .tcp])
            #expect(view.text(vias[2].received) == "192.0.2.200")
        },
        TortureCase("mult-ip-in-sdp", "4.8", .valid) { (view) throws in
            #expect(try view.contentLength == Int(view.body.count))
            #expect(view.text(view.body).contains("c=IN IP4 192.0.2.1\r\n"))
            #expect(view.text(view.body).contains("c=IN IP6 2001:db8::1\r\n"))
        },
        TortureCase("ipv4-mapped-ipv6", "4.9", .valid) { (view) throws in
            let vias = try view.values(of: .via).map { try view.via($0) }
            #expect(vias.map { view.text($0.host) } == ["[::ffff:192.0.2.10]", "[::ffff:192.0.2.2]"])
            #expect(vias.map(\.port) == [19823, 0])
            #expect(AddressLiteral(view.bytes(vias[0].host)) == .v6(high: 0, low: 0xFFFF_C000_020A))
        },
        TortureCase("ipv6-bug-abnf-3-colons", "4.10", .valid) { (view) throws in
            let host = try view.requestURI.host
            #expect(view.text(host) == "[2001:db8:::192.0.2.1]")
            #expect(AddressLiteral(view.bytes(host)) == .v6(high: 0x2001_0DB8_0000_0000, low: 0xC000_0201))
        },
        TortureCase("ipv6-correct-abnf-2-colons", "4.10", .valid) { (view) throws in
            let host = try view.requestURI.host
            #expect(AddressLiteral(view.bytes(host)) == .v6(high: 0x2001_0DB8_0000_0000, low: 0xC000_0201))
        },
    ]
}
