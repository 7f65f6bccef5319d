import TestKit
import Testing

extension Interop {
    /// The 49 messages of RFC 4475 over real sockets, to a server and to a user agent.
    @Suite(.enabled(if: TortureArchive.rfc4475.isPresent, "needs ../shared/rfc/rfc4475.txt"))
    struct RFC4475WireTests {
        @Test func allMessagesAreHere() {
            #expect(Set(Self.cases.map(\.name)).count == 49)
            #expect(Self.cases.count == 49)
        }

        @Test(arguments: cases, Wire.Transport.allCases)
        func theServerDoesWhatTheRFCSays(_ torture: WireCase, transport: Wire.Transport) async throws {
            let bytes = try #require(TortureArchive.rfc4475.messages[torture.name])
            try await TortureServer.treat(bytes, as: torture, over: transport)
        }

        @Test(arguments: cases, Wire.Transport.allCases)
        func theUserAgentDoesWhatTheRFCSays(_ torture: WireCase, transport: Wire.Transport) async throws {
            let bytes = try #require(TortureArchive.rfc4475.messages[torture.name])
            try await TortureAgent.treat(bytes, as: torture, over: transport)
        }

        /// REGISTER is none of a user agent's business (§3.3.7, RFC 3261 §8.2.1); it says which methods are.
        private static let noRegistrar = WireOutcome.answeredWith(405, "Allow", "INVITE")

        static let cases: [WireCase] = [
            // §3.1.1, valid: they go where they are to go.
            // To has a tag: it is for a dialog, and the user agent has none (RFC 3261 §12.2.2).
            WireCase(
                "wsinv", "3.1.1.1", server: .delivered, agent: .answered(481),
                serverName: "services.example.com:5060"),
            // A proxy knows not what a method means and forwards it; an endpoint says 501 (RFC 3261 §8.2.1, §21.5.2).
            WireCase("intmeth", "3.1.1.2", server: .delivered, agent: .answeredWith(501, "Allow", "INVITE")),
            WireCase("esc01", "3.1.1.3", .delivered),
            // Both contacts are bound, and they are two.
            WireCase("escnull", "3.1.1.4", server: .answeredWith(200, "Contact", "%00%00@host5"), agent: noRegistrar),
            // No REGISTER, whatever the escapes look like: "an endpoint would reject this message with a 501", and an
            // endpoint is what a server is whose own URI is asked.
            WireCase("esc02", "3.1.1.5", .answered(501)),
            WireCase("lwsdisp", "3.1.1.6", server: .delivered, agent: .answered(200)),
            WireCase("longreq", "3.1.1.7", .delivered),
            // What follows the REGISTER in its datagram is ignored; on a stream it is the next message, whose rest is none.
            WireCase(
                "dblreq", "3.1.1.8", server: .answeredWith(200, "Contact", "j.user@host"), agent: noRegistrar,
                onStream: .answeredAndClosed(200), agentOnStream: .answeredAndClosed(405)),
            WireCase("semiuri", "3.1.1.9", server: .delivered, agent: .answered(200)),
            // The transports of further Vias are none of our business.
            WireCase("transports", "3.1.1.10", server: .delivered, agent: .answered(200)),
            WireCase("mpart01", "3.1.1.11", server: .delivered, agent: .delivered, serverName: "127.0.0.1:5080"),
            // Responses to nothing that was asked (RFC 3261 §17.1.3, §18.1.2).
            WireCase("unreason", "3.1.1.12", .silence),
            WireCase("noreason", "3.1.1.13", .silence),

            // §3.1.2, invalid.
            WireCase("badinv01", "3.1.2.1", .answered(400)),
            // A stream may still bring what is missing.
            WireCase("clerr", "3.1.2.2", .answered(400), onStream: .waitsForBody),
            // "If a request like this arrives over TCP, the framing error is not recoverable".
            WireCase("ncl", "3.1.2.3", .answered(400), onStream: .answeredAndClosed(400)),
            WireCase("scalar02", "3.1.2.4", .answered(400)),
            WireCase("scalarlg", "3.1.2.5", .silence),
            WireCase("quotbal", "3.1.2.6", .answered(400)),
            WireCase("ltgtruri", "3.1.2.7", .answered(400)),
            WireCase("lwsruri", "3.1.2.8", .answered(400)),
            WireCase("lwsstart", "3.1.2.9", .answered(400)),
            WireCase("trws", "3.1.2.10", .answered(400)),
            WireCase("escruri", "3.1.2.11", .answered(400)),
            // Who does not use the date does not reject the request.
            WireCase("baddate", "3.1.2.12", .delivered),
            WireCase("regbadct", "3.1.2.13", .answered(400)),
            WireCase("badaspec", "3.1.2.14", .answered(400)),
            WireCase("baddn", "3.1.2.15", .answered(400)),
            WireCase("badvers", "3.1.2.16", .answered(505)),
            WireCase("mismatch01", "3.1.2.17", .answered(400)),
            WireCase("mismatch02", "3.1.2.18", .answered(501)),
            WireCase("bigcode", "3.1.2.19", .silence),

            // §3.2, transaction layer: a cookie and nothing behind it.
            WireCase("badbranch", "3.2.1", .answered(400)),

            // §3.3, application layer.
            WireCase("insuf", "3.3.1", .answered(400)),
            WireCase("unkscm", "3.3.2", .answered(416)),
            WireCase("novelsc", "3.3.3", .answered(416)),
            // A registrar wants a SIP URI in To.
            WireCase("unksm2", "3.3.4", server: .answered(400), agent: noRegistrar),
            // Each names what it does not know: the proxy of Proxy-Require, the user agent of Require.
            WireCase(
                "bext01", "3.3.5",
                server: .answeredWith(420, "Unsupported", "noProxiesSupportThis, norDoAnyProxiesSupportThis"),
                agent: .answeredWith(420, "Unsupported", "nothingSupportsThis, nothingSupportsThisEither")),
            WireCase(
                "invut", "3.3.6", server: .delivered, agent: .answeredWith(415, "Accept", "application/sdp")),
            // A registrar that cares about authentication challenges anew, with a scheme that it understands.
            WireCase(
                "regaut01", "3.3.7", server: .answeredWith(401, "WWW-Authenticate", "Digest"), agent: noRegistrar,
                authenticates: true),
            WireCase("multi01", "3.3.8", .answered(400)),
            // As with ncl: two lengths are none.
            WireCase("mcl01", "3.3.9", .answered(400), onStream: .answeredAndClosed(400)),
            // Never to the broadcast address.
            WireCase("bcast", "3.3.10", .silence),
            // An endpoint does not look at Max-Forwards.
            WireCase("zeromf", "3.3.11", server: .answered(483), agent: .answered(200)),
            // The parameter is the contact's, and stands behind the URI.
            WireCase(
                "cparam01", "3.3.12", server: .answeredWith(200, "Contact", "<sip:+19725552222@gw1.example.net>"),
                agent: noRegistrar),
            // The parameter is the URI's.
            WireCase(
                "cparam02", "3.3.13",
                server: .answeredWith(200, "Contact", "<sip:+19725552222@gw1.example.net;unknownparam>"),
                agent: noRegistrar),
            // The escaped header stays in the contact.
            WireCase(
                "regescrt", "3.3.14",
                server: .answeredWith(200, "Contact", "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
                agent: noRegistrar),
            // An answer could be no description: 406.
            WireCase("sdp01", "3.3.15", server: .delivered, agent: .answered(406)),

            // §3.4: an INVITE of RFC 2543. On a stream nobody knows where it ends (RFC 3261 §18.3).
            WireCase("inv2543", "3.4.1", .delivered, onStream: .answeredAndClosed(400)),
        ]
    }

    /// The 12 messages of RFC 5118 over real sockets, to a server and to a user agent.
    @Suite(.enabled(if: TortureArchive.rfc5118.isPresent, "needs ../shared/rfc/rfc5118.txt"))
    struct RFC5118WireTests {
        @Test func allMessagesAreHere() {
            #expect(Set(Self.cases.map(\.name)).count == 12)
            #expect(Self.cases.count == 12)
        }

        @Test(arguments: cases, Wire.Transport.allCases)
        func theServerDoesWhatTheRFCSays(_ torture: WireCase, transport: Wire.Transport) async throws {
            let bytes = try #require(TortureArchive.rfc5118.messages[torture.name])
            try await TortureServer.treat(bytes, as: torture, over: transport)
        }

        @Test(arguments: cases, Wire.Transport.allCases)
        func theUserAgentDoesWhatTheRFCSays(_ torture: WireCase, transport: Wire.Transport) async throws {
            let bytes = try #require(TortureArchive.rfc5118.messages[torture.name])
            try await TortureAgent.treat(bytes, as: torture, over: transport)
        }

        private static let bound = WireOutcome.answeredWith(200, "Contact", "<sip:caller@[2001:db8::1]>")
        private static let noRegistrar = WireOutcome.answeredWith(405, "Allow", "INVITE")

        static let cases: [WireCase] = [
            // The registrar of example.com, which is reached as [2001:db8::10], binds the contact of its user.
            WireCase("ipv6-good", "4.1", server: bound, agent: noRegistrar, domain: "example.com"),
            // "should respond with a 400 Bad Request error".
            WireCase("ipv6-bad", "4.2", .answered(400)),
            // The last four digits are a part of the address: the registrar is another one.
            WireCase("port-ambiguous", "4.3", server: bound, agent: noRegistrar, domain: "example.com"),
            // The port is no part of the address: the registrar is the one of ipv6-good.
            WireCase("port-unambiguous", "4.4", server: bound, agent: noRegistrar, domain: "example.com"),
            // BYE for the server itself, and for no call of the user agent: what matters is that the Via was read.
            WireCase("via-received-param-with-delim", "4.5", server: .answered(405), agent: .answered(481)),
            WireCase("via-received-param-no-delim", "4.5", .answered(200)),
            WireCase("ipv6-in-sdp", "4.6", .delivered),
            WireCase("mult-ip-in-header", "4.7", server: .delivered, agent: .answered(481)),
            WireCase("mult-ip-in-sdp", "4.8", .delivered),
            WireCase("ipv4-mapped-ipv6", "4.9", .delivered),
            // "an implementation must tolerate both of the above constructs".
            WireCase(
                "ipv6-bug-abnf-3-colons", "4.10", server: .delivered, agent: .answered(200),
                domain: "[2001:db8::192.0.2.1]"),
            WireCase("ipv6-correct-abnf-2-colons", "4.10", server: .delivered, agent: .answered(200)),
        ]
    }
}
