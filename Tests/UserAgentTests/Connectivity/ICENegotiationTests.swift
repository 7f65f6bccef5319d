import ICE
import Media
import Reactor
import SDP
import SIP
import Synchronization
import Testing

@testable import UserAgent

/// What descriptions say of connectivity checks, and what comes of it.
@Suite struct ICENegotiationTests {
    /// One of two sessions.
    private final class Side {
        let leg: SimulatedMediaLeg
        let session: NegotiatedSession

        init(_ mode: ICEPolicy.Mode, port: UInt16, security: MediaSecurity? = nil) {
            let leg = SimulatedMediaLeg(
                TransportAddress.loopback(port: port), formats: [.pcmu], security: security, ice: ICEPolicy(mode))
            self.leg = leg
            session = NegotiatedSession(media: leg, sessionID: UInt64(port)) { stream, keys, ways in
                leg.connect(by: ways)
                leg.apply(stream, keys: keys) { _ in }
            }
        }
    }

    /// An offer of one, the answer of the other.
    ///
    /// - Parameter change: what a server on the way makes of both.
    private func exchange(
        _ from: Side, _ to: Side, change: (String) -> String = { $0 }
    ) throws -> (offer: String, answer: String) {
        let offer = change(String(decoding: try from.session.makeOffer(), as: UTF8.self))
        var result: Result<[UInt8], SessionRefusal> = .failure(SessionRefusal(500, "no answer"))
        to.session.answer(Array(offer.utf8)) { result = $0 }
        let answer = change(String(decoding: try result.get(), as: UTF8.self))
        try from.session.take(answer: Array(answer.utf8), isPreview: false)
        return (offer, answer)
    }

    private func lines(_ text: String, _ start: String) -> [String] {
        text.split(separator: "\r\n").map(String.init).filter { $0.hasPrefix(start) }
    }

    @Test("RFC 8421 §4: all addresses are told, IPv6 first, and the default is that of signalling")
    func allAddressesAreTold() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let sixth = try #require(TransportAddress("[2001:db8::7]:30000"))
        let fourth = try #require(TransportAddress("192.0.2.7:30002"))
        caller.leg.others = [sixth, fourth].map { .init(media: $0, control: $0.with(port: $0.port + 1)) }
        let (offer, answer) = try exchange(caller, callee)
        #expect(
            lines(offer, "a=candidate") == [
                "a=candidate:1 1 UDP 2130706175 127.0.0.1 10000 typ host",
                "a=candidate:1 2 UDP 2130706174 127.0.0.1 10001 typ host",
                "a=candidate:2 1 UDP 2130706431 2001:db8::7 30000 typ host",
                "a=candidate:2 2 UDP 2130706430 2001:db8::7 30001 typ host",
                "a=candidate:3 1 UDP 2130705919 192.0.2.7 30002 typ host",
                "a=candidate:3 2 UDP 2130705918 192.0.2.7 30003 typ host",
            ])
        #expect(lines(offer, "c=") == ["c=IN IP4 127.0.0.1"])
        #expect(lines(offer, "m=").first?.hasPrefix("m=audio 10000 ") == true)
        #expect(lines(offer, "a=rtcp:") == ["a=rtcp:10001"])
        #expect(lines(answer, "a=ice-mismatch").isEmpty)
        #expect(callee.leg.terms?.remote.candidates.count == 6)
    }

    @Test func bothSidesTellAll() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let (offer, answer) = try exchange(caller, callee)
        #expect(
            lines(offer, "a=candidate") == [
                "a=candidate:1 1 UDP 2130706431 127.0.0.1 10000 typ host",
                "a=candidate:1 2 UDP 2130706430 127.0.0.1 10001 typ host",
            ])
        #expect(lines(offer, "a=rtcp") == ["a=rtcp:10001", "a=rtcp-mux"])
        #expect(lines(offer, "a=ice-options") == ["a=ice-options:ice2 trickle"])
        #expect(lines(offer, "a=end-of-candidates").count == 1)
        #expect(lines(offer, "a=mid") == ["a=mid:0"])
        #expect(lines(offer, "a=ice-lite").isEmpty)
        // RTCP shares the port: there is one component.
        #expect(
            lines(answer, "a=candidate") == ["a=candidate:1 1 UDP 2130706431 127.0.0.1 20000 typ host"])
        #expect(lines(answer, "a=rtcp") == ["a=rtcp-mux"])
        let (ours, theirs) = (try #require(caller.leg.terms), try #require(callee.leg.terms))
        #expect(ours.isControlling)
        #expect(!theirs.isControlling)
        #expect(ours.local == theirs.remote.parameters)
        #expect(theirs.local == ours.remote.parameters)
        #expect(ours.local != theirs.local)
        #expect(ours.remote.candidates.map(\.address) == [STUNAddress(ip4: 0x7f00_0001, port: 20_000)])
        #expect(ours.remote.nominatesOnce)
        #expect(!ours.remote.isLite)
    }

    /// RFC 8829 §5.1.2, §5.2.1: with ICE and a handshake the offer is one that browsers take; without ICE it is that of older phones.
    @Test(arguments: [ICEPolicy.Mode.off, .full]) func offersAsBrowsersWant(_ mode: ICEPolicy.Mode) throws {
        let security = try MediaSecurity(MediaEncryption(.require, by: .dtls))
        let (caller, callee) = (
            Side(mode, port: 10_000, security: security), Side(.full, port: 20_000, security: security)
        )
        let (offer, answer) = try exchange(caller, callee)
        let profile = mode == .off ? "UDP/TLS/RTP/SAVP " : "UDP/TLS/RTP/SAVPF "
        #expect(lines(offer, "m=audio 10000 \(profile)").count == 1)
        #expect(lines(answer, "m=audio 20000 \(profile)").count == 1)
        for description in [offer, answer] {
            #expect(lines(description, "a=group") == (mode == .off ? [] : ["a=group:BUNDLE 0"]))
            #expect(lines(description, "a=mid") == (mode == .off ? [] : ["a=mid:0"]))
            #expect(lines(description, "a=rtcp-mux").count == 1)
        }
        let later = try exchange(callee, caller).offer
        #expect(lines(later, "m=audio 20000 \(profile)").count == 1)
        #expect(lines(later, "a=group") == ["a=group:BUNDLE 0"])
    }

    /// RFC 8840 §4.4: those that are new are taken, once, and what is of another generation or another stream is not.
    @Test func candidatesComeLater() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        // A browser that has no address yet.
        _ = try exchange(caller, callee) { description in
            description.split(separator: "\r\n").filter {
                !$0.hasPrefix("a=candidate") && !$0.hasPrefix("a=end-of-candidates") && !$0.hasPrefix("a=rtcp:")
            }.map { $0.hasPrefix("c=") ? "c=IN IP4 0.0.0.0" : String($0) }.joined(separator: "\r\n") + "\r\n"
        }
        let before = try #require(caller.leg.terms)
        #expect(before.remote.candidates.isEmpty)
        #expect(!before.remote.isComplete)
        let parameters = before.remote.parameters
        func tell(
            _ addresses: [String], mid: String = "0", fragment: String? = nil, ends: Bool = false, isUsed: Bool = true
        ) throws {
            let lines =
                [
                    "a=ice-ufrag:\(fragment ?? String(decoding: parameters.fragment, as: UTF8.self))",
                    "a=ice-pwd:\(String(decoding: parameters.password, as: UTF8.self))", "m=audio 9 RTP/AVP 0",
                    "a=mid:\(mid)",
                ] + addresses.map { "a=candidate:1 1 udp 2122194687 \($0) typ host generation 0" }
                + (ends ? ["a=end-of-candidates"] : [])
            let text = lines.joined(separator: "\r\n") + "\r\n"
            caller.session.take(try CandidateFragment(parsing: Array(text.utf8)), isUsed: isUsed)
        }
        var told: [UInt16] { caller.leg.terms?.remote.candidates.map(\.address.port) ?? [] }
        try tell(["192.0.2.1 1"], mid: "1")
        try tell(["192.0.2.1 2"], fragment: "other")
        #expect(told.isEmpty)
        try tell(["192.0.2.1 3", "hidden.local 4"])
        #expect(told == [3])
        try tell(["192.0.2.1 3", "192.0.2.1 5"], isUsed: false)
        #expect(told == [3])
        try tell(["192.0.2.1 3", "192.0.2.1 5", "192.0.2.1 6"], ends: true)
        #expect(told == [3, 5, 6])
        #expect(caller.leg.terms?.remote.isComplete == true)
        let count = caller.leg.streams.count
        try tell(["192.0.2.1 3", "192.0.2.1 5", "192.0.2.1 6"], ends: true)
        #expect(caller.leg.streams.count == count)
        try tell((1_000..<1_200).map { "192.0.2.1 \($0)" })
        #expect(told.count == ICENegotiation.mostCandidates)
    }

    @Test("RFC 8840 §4.4: an answer that does not have all is followed by all, once")
    func candidatesFollow() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let parameters = ICEParameters.random { 7 }
        func candidate(_ port: UInt16, _ kind: Candidate.Kind) -> Candidate {
            Candidate(
                foundation: Array("\(port)".utf8), component: 1, kind: kind,
                priority: CandidatePriority.of(kind, localPreference: .max, component: 1),
                address: STUNAddress(ip4: 0x7f00_0001, port: port),
                related: kind == .host ? nil : STUNAddress(ip4: 0x7f00_0001, port: 20_000))
        }
        let known = [candidate(20_000, .host)]
        callee.leg.found.withLock { $0.gathered = .init(parameters: parameters, candidates: known, isComplete: false) }
        let (_, answer) = try exchange(caller, callee)
        #expect(lines(answer, "a=candidate").count == 1)
        #expect(lines(answer, "a=end-of-candidates").isEmpty)
        #expect(caller.leg.terms?.remote.isComplete == false)
        #expect(callee.session.takeFollowingCandidates() == nil)
        let all = known + [candidate(30_000, .serverReflexive)]
        callee.leg.found.withLock { $0.gathered = .init(parameters: parameters, candidates: all) }
        let body = try #require(callee.session.takeFollowingCandidates())
        #expect(callee.session.takeFollowingCandidates() == nil)
        caller.session.take(try CandidateFragment(parsing: body), isUsed: true)
        #expect(caller.leg.terms?.remote.candidates.map(\.address.port) == [20_000, 30_000])
        #expect(caller.leg.terms?.remote.isComplete == true)
        // What was told is the same generation: a later offer does not begin anew.
        let before = callee.leg.terms
        _ = try exchange(caller, callee)
        #expect(callee.leg.terms?.local == before?.local)
    }

    @Test func aLiteSideSaysSo() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.lite, port: 20_000))
        let (_, answer) = try exchange(caller, callee)
        #expect(lines(answer, "a=ice-lite").count == 1)
        #expect(caller.leg.terms?.remote.isLite == true)
    }

    @Test(arguments: [true, false]) func withoutTheFarSideThereIsNone(isCaller: Bool) throws {
        let (caller, callee) = (
            Side(isCaller ? .full : .off, port: 10_000), Side(isCaller ? .off : .full, port: 20_000)
        )
        let (_, answer) = try exchange(caller, callee)
        #expect(lines(answer, "a=ice").isEmpty)
        #expect(lines(answer, "a=candidate").isEmpty)
        #expect(caller.leg.terms == nil)
        #expect(callee.leg.terms == nil)
        #expect(caller.leg.state == "127.0.0.1:20000 sendrecv")
    }

    /// Another offer, as for a hold, goes on with the same checks.
    @Test(arguments: [true, false]) func laterOffersGoOn(byCallee: Bool) throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = try exchange(caller, callee)
        let before = (caller.leg.terms, callee.leg.terms)
        _ = try byCallee ? exchange(callee, caller) : exchange(caller, callee)
        #expect(caller.leg.terms?.local == before.0?.local)
        #expect(callee.leg.terms?.local == before.1?.local)
        #expect(caller.leg.terms?.isControlling == true)
        #expect(callee.leg.terms?.isControlling == false)
    }

    @Test(arguments: [true, false]) func aRestartIsOneOfBothSides(byMove: Bool) throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = try exchange(caller, callee)
        let before = (try #require(caller.leg.terms), try #require(callee.leg.terms))
        if byMove { try caller.leg.move(near: .loopback()) } else { caller.session.restartChecks() }
        _ = try exchange(caller, callee)
        let after = (try #require(caller.leg.terms), try #require(callee.leg.terms))
        #expect(after.0.local != before.0.local)
        #expect(after.1.local != before.1.local)
        #expect(after.0.local == after.1.remote.parameters)
        #expect(after.1.local == after.0.remote.parameters)
        // And once only.
        _ = try exchange(caller, callee)
        #expect(caller.leg.terms?.local == after.0.local)
    }

    /// A restart that was refused has not been: what was agreed goes on, and is what is told to the far side.
    @Test func aRefusedRestartChangesNothing() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = try exchange(caller, callee)
        let before = caller.leg.terms
        caller.session.restartChecks()
        _ = try caller.session.makeOffer()
        caller.session.rollBack()
        _ = try exchange(callee, caller)
        #expect(caller.leg.terms?.local == before?.local)
    }

    /// RFC 8839 §4.2.5: something on the way has changed the address, and not the candidates.
    @Test func aChangedAddressEndsTheChecks() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let (_, answer) = try exchange(caller, callee) {
            $0.replacing("c=IN IP4 127.0.0.1", with: "c=IN IP4 127.0.0.9")
        }
        #expect(lines(answer, "a=ice-mismatch").count == 1)
        #expect(lines(answer, "a=candidate").isEmpty)
        #expect(lines(answer, "a=ice-ufrag").isEmpty)
        #expect(caller.leg.terms == nil)
        #expect(callee.leg.terms == nil)
        #expect(caller.leg.state == "127.0.0.9:20000 sendrecv")
    }

    /// The same in the answer alone.
    @Test func aChangedAnswerEndsTheChecks() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = try exchange(caller, callee) {
            $0.contains("m=audio 20000") ? $0.replacing("m=audio 20000", with: "m=audio 20002") : $0
        }
        #expect(caller.leg.terms == nil)
        #expect(caller.leg.state == "127.0.0.1:20002 sendrecv")
    }

    /// An address that is none yet is no sign of that.
    @Test func anUnspecifiedAddressEndsNothing() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let (_, answer) = try exchange(caller, callee) {
            $0.replacing("c=IN IP4 127.0.0.1", with: "c=IN IP4 0.0.0.0")
        }
        #expect(lines(answer, "a=ice-mismatch").isEmpty)
        #expect(caller.leg.terms != nil)
        #expect(callee.leg.terms != nil)
    }

    /// Early dialogs of one offer: each has the far side of its own, and the same credentials of this one.
    @Test func eachEarlyDialogHasItsOwn() throws {
        let (caller, one, other) = (Side(.full, port: 10_000), Side(.full, port: 20_000), Side(.full, port: 30_000))
        let offer = try caller.session.makeOffer()
        var terms: [ICETerms] = []
        for callee in [one, other] {
            var answer: [UInt8] = []
            callee.session.answer(offer) { answer = (try? $0.get()) ?? [] }
            try caller.session.fork().take(answer: answer, isPreview: false)
            terms.append(try #require(caller.leg.terms))
        }
        #expect(terms[0].local == terms[1].local)
        #expect(terms[0].remote.parameters == one.leg.terms?.local)
        #expect(terms[1].remote.parameters == other.leg.terms?.local)
    }

    /// Candidates that are none for this side are left out.
    @Test func otherCandidatesAreLeftOut() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = try exchange(caller, callee) {
            $0.replacing(
                "a=rtcp-mux\r\n",
                with: "a=rtcp-mux\r\na=candidate:2 1 TCP 1 127.0.0.1 9 typ host tcptype active\r\n"
                    + "a=candidate:3 1 UDP 2 4d3e.local 4000 typ host\r\na=candidate:4 1 UDP 3 10.0.0.1 5000 typ strange\r\n"
                    + "a=candidate:5 1 UDP 4 10.0.0.2 6000 typ srflx raddr 10.0.0.3 rport 7000\r\n")
        }
        let remote = try #require(caller.leg.terms?.remote)
        #expect(remote.candidates.map(\.kind).sorted { $0.rawValue < $1.rawValue } == [.host, .serverReflexive])
    }

    // MARK: Servers

    private static let reflexive = STUNAddress(ip4: 0xCB00_7101, port: 30_000)
    private static let relayed = STUNAddress(ip4: 0xCB00_7102, port: 40_000)

    private func candidate(_ kind: Candidate.Kind, _ address: STUNAddress) -> Candidate {
        Candidate(
            foundation: [UInt8(ascii: "1") + kind.rawValue], component: 1, kind: kind,
            priority: CandidatePriority.of(kind, localPreference: .max, component: 1), address: address,
            related: kind == .host ? nil : STUNAddress(ip4: 0x7F00_0001, port: 10_000))
    }

    /// A side that servers have told of an address of a translator and one of a relay.
    private func askServers(_ side: Side, port: UInt16) -> [Candidate] {
        let candidates = [
            candidate(.host, STUNAddress(ip4: 0x7F00_0001, port: port)), candidate(.serverReflexive, Self.reflexive),
            candidate(.relayed, Self.relayed),
        ]
        let parameters = ICEParameters(
            fragment: Array("fragment".utf8), password: Array("passwordpasswordpassword".utf8))
        side.leg.found.withLock { $0.gathered = .init(parameters: parameters, candidates: candidates) }
        return candidates
    }

    /// RFC 8839 §4.2.1.2: the default destination is the candidate that most probably works, and what the agent has told
    /// already is what it proves itself by.
    @Test func whatServersHaveToldIsTold() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = askServers(caller, port: 10_000)
        let (offer, answer) = try exchange(caller, callee)
        #expect(lines(offer, "a=candidate").count == 3)
        #expect(lines(offer, "m=")[0].hasPrefix("m=audio 40000 "))
        #expect(lines(offer, "c=").contains("c=IN IP4 203.0.113.2"))
        #expect(lines(offer, "a=ice-ufrag") == ["a=ice-ufrag:fragment"])
        #expect(lines(answer, "a=ice-mismatch").isEmpty)
        #expect(callee.leg.terms?.remote.candidates.map(\.kind) == [.host, .serverReflexive, .relayed])
    }

    /// RFC 8839 §4.4.1.2.2, §4.4.2: behind the checks later offers and answers tell of nothing but the pair that is used, and the
    /// controlling side of its other end too; a restart tells all again.
    @Test(arguments: [true, false]) func laterOffersTellOfThePairAlone(byCallee: Bool) throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        let ours = askServers(caller, port: 10_000)
        _ = try exchange(caller, callee)
        let terms = (try #require(caller.leg.terms), try #require(callee.leg.terms))
        let theirs = STUNAddress(ip4: 0x7F00_0001, port: 20_000)
        caller.leg.found.withLock {
            $0.settlement = .init(
                parameters: terms.0.local, pairs: [.init(component: 1, local: ours[1], remote: theirs)])
        }
        callee.leg.found.withLock {
            $0.settlement = .init(
                parameters: terms.1.local,
                pairs: [.init(component: 1, local: candidate(.host, theirs), remote: Self.reflexive)])
        }
        let (offer, answer) = try byCallee ? exchange(callee, caller) : exchange(caller, callee)
        let (said, heard) = byCallee ? (answer, offer) : (offer, answer)
        #expect(lines(said, "a=candidate").map { $0.contains("203.0.113.1 30000 typ srflx") } == [true])
        #expect(lines(said, "m=")[0].hasPrefix("m=audio 30000 "))
        #expect(lines(said, "c=").contains("c=IN IP4 203.0.113.1"))
        #expect(lines(heard, "a=candidate").map { $0.contains("127.0.0.1 20000 typ host") } == [true])
        #expect(lines(said, "a=remote-candidates") == (byCallee ? [] : ["a=remote-candidates:1 127.0.0.1 20000"]))
        #expect(lines(heard, "a=remote-candidates").isEmpty)
        #expect(caller.leg.terms?.local == terms.0.local)
        #expect(callee.leg.terms?.local == terms.1.local)
        caller.session.restartChecks()
        let again = try exchange(caller, callee).offer
        #expect(lines(again, "a=candidate").count == 3)
        #expect(lines(again, "a=remote-candidates").isEmpty)
    }

    /// RFC 8839 §4.4.2: the far side has settled on a pair, and says so before this one knows.
    @Test func thePairIsTakenFromTheOffer() throws {
        let (caller, callee) = (Side(.full, port: 10_000), Side(.full, port: 20_000))
        _ = askServers(callee, port: 20_000)
        _ = try exchange(caller, callee)
        let terms = try #require(caller.leg.terms)
        caller.leg.found.withLock {
            $0.settlement = .init(
                parameters: terms.local,
                pairs: [
                    .init(
                        component: 1, local: candidate(.host, STUNAddress(ip4: 0x7F00_0001, port: 10_000)),
                        remote: Self.reflexive)
                ])
        }
        let (_, answer) = try exchange(caller, callee)
        #expect(lines(answer, "a=candidate").map { $0.contains("203.0.113.1 30000 typ srflx") } == [true])
        #expect(lines(answer, "m=")[0].hasPrefix("m=audio 30000 "))
    }
}
