import ICE
import Testing

/// How checks are answered by who makes none (RFC 8445 §2.5, §7.3), and what they prove.
@Suite struct LiteResponderTests {
    private static let ours = ICEParameters(
        fragment: [UInt8]("ours".utf8), password: [UInt8]("0123456789012345678901".utf8))
    private static let renewed = ICEParameters(
        fragment: [UInt8]("anew".utf8), password: [UInt8]("abcdefghijklmnopqrstuv".utf8))
    private let home = ip(192, 0, 2, 1, 4_000)
    private let away = ip(198, 51, 100, 9, 5_000)
    private let start = ContinuousClock.now

    /// What a check says.
    private struct Check {
        var number: UInt64 = 1
        var parameters = LiteResponderTests.ours
        var remote = "peer"
        var username: String?
        var nominates = false
        var priority: UInt32? = 1_000
        var role = STUNAttribute.iceControlling
        var extra: STUNAttribute?
        var hasIntegrity = true
        var hasFingerprint = true
        var kind = STUNClass.request
        var method = STUNMethod.binding
    }

    private func bytes(_ check: Check) -> [UInt8] {
        stun(check.kind, check.method, STUNTransactionID(upper: 7, lower: check.number)) { writer, memory in
            let name = check.username.map { [UInt8]($0.utf8) }
            try writer.add(
                .username, name ?? check.parameters.fragment + [UInt8](":\(check.remote)".utf8), into: &memory)
            if let priority = check.priority { try writer.add(.priority, priority, into: &memory) }
            try writer.add(check.role, 1 as UInt64, into: &memory)
            if check.nominates { try writer.add(.useCandidate, into: &memory) }
            if let extra = check.extra { try writer.add(extra, [1, 2, 3, 4], into: &memory) }
            if check.hasIntegrity {
                try writer.addIntegrity(.shortTerm(check.parameters.password), .test, into: &memory)
            }
            if check.hasFingerprint { try writer.addFingerprint(into: &memory) }
        }
    }

    private func responder(_ remote: String? = "peer") -> LiteResponder {
        LiteResponder(Self.ours, remoteFragment: remote.map { [UInt8]($0.utf8) }, .test)
    }

    private func give(
        _ responder: inout LiteResponder, _ check: Check, from source: STUNAddress? = nil, component: Int = 1,
        after time: Duration = .zero
    ) -> LiteResponder.Outcome {
        responder.receive(bytes(check).span.bytes, component: component, from: source ?? home, start + time)
    }

    @Test func aCheckProvesItsSource() throws {
        var responder = responder()
        let outcome = give(&responder, Check())
        #expect(outcome.drop == nil && outcome.isChange)
        let answer = try #require(outcome.answer)
        let message = read(answer)
        #expect(message.kind == .success && message.transaction == STUNTransactionID(upper: 7, lower: 1))
        #expect(message.address(.xorMappedAddress, answer) == home)
        #expect(message.isProven(by: .shortTerm(Self.ours.password), answer))
        #expect(message.isFingerprintRight(answer))
        #expect(responder.proven(1) == [home] && responder.proven(2).isEmpty)
        // Nobody is sent anything before it wants that.
        #expect(responder.selected(1) == nil)
        let nominated = give(&responder, Check(number: 2, nominates: true))
        #expect(nominated.isChange)
        #expect(responder.selected(1) == home)
        // The next one keeps it, and changes nothing.
        let kept = give(&responder, Check(number: 3, nominates: true))
        #expect(!kept.isChange && kept.answer != nil)
    }

    @Test func componentsAreApart() {
        var responder = responder()
        _ = give(&responder, Check(nominates: true))
        _ = give(&responder, Check(number: 2, nominates: true), from: away, component: 2)
        #expect(responder.selected(1) == home && responder.selected(2) == away)
    }

    /// What does not prove to be the peer's is not answered, so that nobody is sent anything by what others forge.
    @Test func forgeriesAreDropped() {
        var responder = responder()
        let wrong = ICEParameters(fragment: Self.ours.fragment, password: Self.renewed.password)
        let forgeries = [
            Check(number: 1, parameters: wrong), Check(number: 2, parameters: Self.renewed),
            Check(number: 3, hasIntegrity: false), Check(number: 4, hasFingerprint: false),
            Check(number: 5, username: "ours"), Check(number: 6, remote: "other"), Check(number: 7, username: ""),
        ]
        for forgery in forgeries {
            let outcome = give(&responder, forgery)
            #expect(outcome == LiteResponder.Outcome(drop: .forged), "\(forgery)")
        }
        #expect(!responder.hasProof)
    }

    /// Who has seen a check cannot have it count for himself.
    @Test func aCopyFromElsewhereProvesNothing() {
        var responder = responder()
        let check = Check(nominates: true)
        _ = give(&responder, check)
        let copied = give(&responder, check, from: away)
        #expect(copied == LiteResponder.Outcome(drop: .forged))
        #expect(responder.selected(1) == home)
        // One that is repeated from where it came is answered once more.
        let repeated = give(&responder, check)
        #expect(repeated.answer != nil)
    }

    @Test func whatIsNoCheckIsDropped() {
        var responder = responder()
        let others = [Check(kind: .success), Check(kind: .error), Check(method: .allocate)]
        for other in others {
            let outcome = give(&responder, other)
            #expect(outcome == LiteResponder.Outcome(drop: .foreign))
        }
        let indication = give(&responder, Check(kind: .indication))
        #expect(indication == LiteResponder.Outcome())
        let garbage = responder.receive([0, 1, 0, 4].span.bytes, component: 1, from: home, start)
        #expect(garbage.drop == .foreign)
        #expect(!responder.hasProof)
    }

    @Test(arguments: [
        (STUNErrorCode.roleConflict, STUNAttribute.iceControlled, 1_000 as UInt32?, nil as STUNAttribute?),
        (.badRequest, .iceControlling, nil, nil), (.badRequest, .iceControlling, 0, nil),
        (.unknownAttribute, .iceControlling, 1_000, STUNAttribute(rawValue: 0x7FFF)),
    ])
    func errors(code: STUNErrorCode, role: STUNAttribute, priority: UInt32?, extra: STUNAttribute?) throws {
        var responder = responder()
        let outcome = give(&responder, Check(priority: priority, role: role, extra: extra))
        let answer = try #require(outcome.answer)
        #expect(read(answer).kind == .error && read(answer).error(answer) == code)
        #expect(read(answer).isProven(by: .shortTerm(Self.ours.password), answer))
        #expect(!responder.hasProof)
    }

    /// The latest nomination counts, but not that of a worse pair while the better one is in use.
    @Test func nominations() {
        var responder = responder()
        _ = give(&responder, Check(number: 1, nominates: true, priority: 2_000))
        _ = give(&responder, Check(number: 2, nominates: true, priority: 1_000), from: away)
        #expect(responder.selected(1) == home)
        _ = give(
            &responder, Check(number: 3, nominates: true, priority: 1_000), from: away,
            after: LiteResponder.nominationTime)
        #expect(responder.selected(1) == away)
        _ = give(&responder, Check(number: 4, nominates: true, priority: 2_000), after: LiteResponder.nominationTime)
        #expect(responder.selected(1) == home)
    }

    @Test func whoIsSilentIsNotSentAnything() {
        var responder = responder()
        _ = give(&responder, Check(number: 1, nominates: true))
        _ = give(&responder, Check(number: 2), from: away, after: .seconds(10))
        let early = responder.expire(start + .seconds(29))
        #expect(!early)
        let isLapsed = responder.expire(start + LiteResponder.consentTime)
        #expect(isLapsed)
        #expect(responder.selected(1) == nil && responder.proven(1) == [away])
        _ = give(&responder, Check(number: 3, nominates: true), after: .seconds(31))
        #expect(responder.selected(1) == home)
    }

    /// After a restart what was proven holds until a pair is nominated anew (RFC 8445 §9).
    @Test func restart() {
        var responder = responder()
        _ = give(&responder, Check(number: 1, nominates: true))
        let isChange = responder.renew(Self.renewed, remoteFragment: [UInt8]("next".utf8))
        #expect(!isChange)
        #expect(responder.selected(1) == home)
        // The consent of the former pair goes on.
        let former = give(&responder, Check(number: 2, nominates: true))
        #expect(former.answer != nil)
        _ = give(&responder, Check(number: 3, parameters: Self.renewed, remote: "next"), from: away)
        #expect(responder.proven(1) == [home, away] && responder.selected(1) == home)
        _ = give(&responder, Check(number: 4, parameters: Self.renewed, remote: "next", nominates: true), from: away)
        #expect(responder.proven(1) == [away] && responder.selected(1) == away)
        let late = give(&responder, Check(number: 5, nominates: true))
        #expect(late.drop == .forged)
    }

    /// Those who were heard before the answer are strangers when it is another's.
    @Test func theAnswerSaysWhoThePeerIs() {
        var responder = responder(nil)
        _ = give(&responder, Check(number: 1, nominates: true))
        _ = give(&responder, Check(number: 2, remote: "fork", nominates: true), from: away)
        #expect(responder.proven(1) == [home, away])
        let isChange = responder.renew(Self.ours, remoteFragment: [UInt8]("peer".utf8))
        #expect(isChange)
        #expect(responder.proven(1) == [home] && responder.selected(1) == home)
    }

    @Test func sourcesAreBounded() {
        var responder = responder()
        for number in 0..<LiteResponder.mostSources {
            let outcome = give(
                &responder, Check(number: UInt64(number)), from: home.with(port: UInt16(5_000 + number)))
            #expect(outcome.answer != nil)
        }
        let beyond = give(&responder, Check(number: 99, nominates: true), from: away)
        #expect(beyond == LiteResponder.Outcome(drop: .excess))
        #expect(responder.proven(1).count == LiteResponder.mostSources)
        let known = give(&responder, Check(number: 100, nominates: true), from: home.with(port: 5_000))
        #expect(known.answer != nil)
    }

    @Test func checksAreBounded() {
        var responder = responder()
        for number in 0..<LiteResponder.checksPerSecond {
            let outcome = give(&responder, Check(number: UInt64(number)))
            #expect(outcome.drop == nil)
        }
        let beyond = give(&responder, Check(number: 1_000))
        #expect(beyond == LiteResponder.Outcome(drop: .excess))
        let later = give(&responder, Check(number: 1_001), after: .seconds(1))
        #expect(later.drop == nil)
    }

    @Test func copiesAreRememberedForAsManyChecks() {
        var responder = responder()
        for number in 0...LiteResponder.rememberedChecks { _ = give(&responder, Check(number: UInt64(number))) }
        let remembered = give(&responder, Check(number: UInt64(LiteResponder.rememberedChecks)), from: away)
        #expect(remembered.drop == .forged)
        let forgotten = give(&responder, Check(number: 0), from: away)
        #expect(forgotten.drop == nil)
    }
}
