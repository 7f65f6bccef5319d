import Reactor
public import SIP
import SIPEndpoint

// Calling.
extension UserAgent {
    /// Calls somebody and returns when the call is answered.
    ///
    /// - Parameters:
    ///   - target: a SIP URI, or a user of the account's domain.
    ///   - audio: what is played and recorded.
    ///   - progress: told of provisional responses, such as 180 when it rings there.
    /// - Throws: `CallError` when there will be no call, `MessageDefect` when the target is malformed, `SocketError` when there
    ///   is no port for audio; `CancellationError` never: a cancelled call throws `CallError` with 487.
    public func call(
        _ target: String, audio: AudioEnds = .silence, progress: (@Sendable (StatusCode) -> Void)? = nil
    ) async throws -> Call {
        let call = try await dial(target, audio: audio, progress: progress)
        return try await withTaskCancellationHandler {
            try await call.answered()
            // Who has cancelled while the answer was on its way has no call.
            guard !Task.isCancelled else { throw CallError(CallEnding(487, "Cancelled", .local)) }
            return call
        } onCancel: {
            call.hangUpSoon()
        }
    }

    /// Calls somebody, and hangs up when `body` returns or throws.
    public func withCall<R>(
        _ target: String, audio: AudioEnds = .silence, _ body: (Call) async throws -> R
    ) async throws -> R {
        let call = try await call(target, audio: audio)
        do {
            let result = try await body(call)
            await call.hangUp()
            return result
        } catch {
            await call.hangUp()
            throw error
        }
    }

    /// Calls somebody and returns at once: `Call.events` tells how far it is, `Call.answered()` waits.
    ///
    /// - Parameters:
    ///   - target: a SIP URI, or a user of the account's domain.
    ///   - audio: what is played and recorded, from the first early media on.
    ///   - options: how the call is made.
    ///   - progress: told of provisional responses.
    /// - Throws: `MessageDefect` when the target is malformed, `SocketError` when there is no port for audio.
    public func dial(
        _ target: String, audio: AudioEnds = .silence, options: OutgoingCallOptions = OutgoingCallOptions(),
        progress: (@Sendable (StatusCode) -> Void)? = nil
    ) async throws -> Call {
        let uri = try account.resolve(target)
        let (core, surroundings) = (core, surroundings)
        return try await surroundings.lane.run { (_) throws(SocketError) in
            let leg = try core.agent.call(uri, as: surroundings.identity, options: options)
            let call = Call(leg, in: surroundings, progress: progress)
            call.play(audio)
            return call
        }
    }

    /// Calls somebody with the session of a call that came in: media flows between the two far sides, and what either of them
    /// wants of it is passed on (a B2BUA without media), and so are keys that come by INFO. Progress, answer and end are the caller's to
    /// pass on.
    ///
    /// - Parameters:
    ///   - target: a SIP URI, or a user of the account's domain.
    ///   - invitation: the call that came in; it must not have rung with media, or been answered.
    ///   - caller: who the callee is told calls; nil for the account.
    ///   - options: how the call is made.
    /// - Throws: `MessageDefect` when the target is malformed, `CallError` when the invitation has been answered already.
    public func dial(
        _ target: String, relaying invitation: Invitation, as caller: NameAddress? = nil,
        options: OutgoingCallOptions = OutgoingCallOptions()
    ) async throws -> Call {
        let uri = try account.resolve(target)
        let (core, surroundings) = (core, surroundings)
        var identity = surroundings.identity
        if let caller { identity.address = NameAddress(caller.uri.asAddress, displayName: caller.displayName) }
        let source = invitation.call.leg
        let from = identity
        let call: Call? = await surroundings.lane.run { _ in
            core.agent.call(uri, as: from, relaying: source.value, options: options).map { Call($0, in: surroundings) }
        }
        guard let call else {
            throw CallError(CallEnding(481, "The call that came in has been answered already", .local))
        }
        // Those in the media go by this process as that does.
        invitation.call.tellKeys(to: .init(call: call, method: .info, hasSound: false))
        call.tellKeys(to: .init(call: invitation.call, method: .info, hasSound: false))
        return call
    }
}

extension UserAgent {
    /// Asks somebody, outside of any call, to call somebody else (RFC 3515): click to dial.
    ///
    /// - Throws: `MessageDefect` when a target is malformed.
    public func refer(_ somebody: String, to target: String) async throws(MessageDefect) -> TransferOutcome {
        let (uri, target) = (try account.resolve(somebody), ReferTarget(try account.resolve(target)))
        let (core, surroundings) = (core, surroundings)
        let outcome: OutgoingReferral.Outcome = await withCheckedContinuation { continuation in
            surroundings.lane.execute { _ in
                var options = OutgoingReferral.Options()
                options.referredBy = NameAddress(surroundings.identity.address.uri)
                let referral = core.agent.refer(uri, to: target, as: surroundings.identity, options)
                core.referrals[ObjectIdentifier(referral)] = referral
                referral.onEvent = { [unowned referral] event in
                    guard case .ended(let outcome) = event else { return }
                    core.referrals[ObjectIdentifier(referral)] = nil
                    continuation.resume(returning: outcome)
                }
            }
        }
        return TransferOutcome(outcome)
    }
}

extension Account {
    /// The URI of what a user typed: a SIP URI, or a user of the account's domain.
    ///
    /// - Throws: `MessageDefect` when it is neither.
    func resolve(_ target: String) throws(MessageDefect) -> URI {
        // A colon before any `@` is behind a scheme, whether what follows is well formed or not: it is nobody's name.
        if target.prefix(while: { $0 != "@" }).contains(":") {
            let uri = try URI(target)
            guard uri.index.isSIP else {
                throw MessageDefect(.uri, "Only SIP URIs can be called, such as sip:bob@example.com")
            }
            return uri
        }
        if target.contains("@") { return try URI("sip:\(target)") }
        let port = uri.port.map { ":\($0)" } ?? ""
        let host = uri.host.contains(":") ? "[\(uri.host)]" : uri.host
        return try URI("sip:\(URI.escape(target))@\(host)\(port)")
    }
}

extension Call {
    /// Takes the place of another call: answered at once, with its sound; the other one is hung up when this one is up. On the lane.
    func replace(_ other: Call?) {
        if let other {
            play(other.audio)
            other.post(.replaced(by: self))
        }
        let old = other?.leg
        let told = leg.value.onEvent
        leg.value.onEvent = { event in
            told(event)
            if case .answered = event { old?.value.hangUp() }
        }
        leg.value.answer()
    }
}
