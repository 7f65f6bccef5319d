import Reactor
import SDP
public import SIP
import SIPEndpoint

// Changing a call that is up, or about to be.
extension Call {
    /// Holds the call: the far side hears `music` and is not heard (RFC 3264 §8.4, RFC 6337 §5.3). Waits for the far side.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func hold(playing music: AudioEnds = .silence) async throws(CallError) {
        try await renegotiate { $0.direction = .sendonly }
        setHeld(true)
        attach(music)
    }

    /// Takes the call up again.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func resume() async throws(CallError) {
        try await renegotiate { $0.direction = .sendrecv }
        setHeld(false)
        attach(audio)
    }

    /// Offers other codecs, in order of preference, of those that the user agent has.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func renegotiate(codecs: [AudioCodecName]) async throws(CallError) {
        try await renegotiate { $0.codecs = codecs.map(\.codec.encoding) }
    }

    /// Makes the same offer again: with the addresses of this side as they are now.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func renegotiate() async throws(CallError) { try await renegotiate { _ in } }

    /// Offers new keys for the media; where it is in the clear, the same offer again.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func renewKeys() async throws(CallError) { try await renegotiate(renewingKeys: true) { _ in } }

    /// Begins anew with the connectivity checks (an ICE restart, RFC 8839 §4.4.1.1), as a change of network asks for; what is in use
    /// is used until something new is found. Where there are none, the same offer again.
    ///
    /// - Throws: `CallError` when the far side refuses, or the call is over.
    public func restartICE() async throws(CallError) { try await renegotiate(restartingChecks: true) { _ in } }

    private func renegotiate(
        renewingKeys: Bool = false, restartingChecks: Bool = false,
        _ change: @escaping @Sendable (inout NegotiatedSession.Wish) -> Void
    )
        async throws(CallError)
    {
        let leg = leg
        let lane = surroundings.lane
        let result: Result<Void, SessionRefusal> = await withCheckedContinuation { continuation in
            lane.execute { _ in
                leg.value.renegotiate {
                    change(&$0.wish)
                    if renewingKeys { $0.renewKeys() }
                    if restartingChecks { $0.restartChecks() }
                } _: {
                    continuation.resume(returning: $0)
                }
            }
        }
        if case .failure(let refusal) = result { throw CallError(refusal) }
    }

    // MARK: Transfer (RFC 5589)

    /// Transfers the far side to somebody else, without asking him first. When that has worked this call ends.
    ///
    /// - Parameter target: a SIP URI, or a user of the account's domain.
    /// - Throws: `MessageDefect` when the target is malformed.
    public func transfer(to target: String) async throws(MessageDefect) -> TransferOutcome {
        await transfer(to: ReferTarget(try surroundings.resolve(target)))
    }

    /// Transfers the far side to the far side of another call, which was asked before. When that has worked both calls end here.
    public func transfer(to other: Call) async -> TransferOutcome {
        let far = other.leg
        let target: ReferTarget? = await surroundings.lane.run { _ in
            guard let dialog = far.value.dialog, let reference = far.value.reference else { return nil }
            return ReferTarget(dialog.remoteTarget.asRequestURI, replaces: reference)
        }
        guard let target else { return .refused(481, reason: "The other call has no far side yet") }
        return await transfer(to: target)
    }

    private func transfer(to target: ReferTarget) async -> TransferOutcome {
        let leg = leg
        let (lane, identity) = (surroundings.lane, surroundings.identity)
        let outcome: OutgoingReferral.Outcome = await withCheckedContinuation { continuation in
            lane.execute { _ in
                var options = OutgoingReferral.Options()
                options.referredBy = NameAddress(identity.address.uri, displayName: identity.address.displayName)
                guard let referral = leg.value.refer(to: target, as: identity, options) else {
                    return continuation.resume(returning: .refused(481, reason: "The call is over"))
                }
                referral.onEvent = { event in
                    guard case .ended(let outcome) = event else { return }
                    leg.value.outgoingReferral = nil
                    continuation.resume(returning: outcome)
                }
                leg.value.outgoingReferral = referral
            }
        }
        if case .succeeded = outcome { hangUpSoon() }
        return TransferOutcome(outcome)
    }

    // MARK: Requests in the call

    /// Sends a request that is no part of the call's own in its dialog, such as MESSAGE, and waits for the response.
    ///
    /// - Returns: the final response of 2xx.
    /// - Throws: `RequestError` when it is refused, or gets no response.
    @discardableResult
    public func send(_ method: Method, _ content: MessageContent = MessageContent()) async throws(RequestError)
        -> Message
    {
        let leg = leg
        let lane = surroundings.lane
        let result: Result<Message, RequestError> = await withCheckedContinuation { continuation in
            lane.execute { _ in
                leg.value.send(method, content) { response, status, reason in
                    continuation.resume(returning: RequestError.judge(response, status, reason))
                }
            }
        }
        return try result.get()
    }

    /// Sends an INFO of a package (RFC 6086), and waits for the response.
    ///
    /// - Throws: `InfoError`.
    public func send(info package: String, _ content: MessageContent = MessageContent()) async throws(InfoError) {
        let wanted = await wantedInfoPackages()
        // Of a call that is over that is said.
        guard wanted.contains(package) || isOver else { throw .notWanted(package: package, wanted: wanted) }
        var content = content
        content.fields.insert(.init(.infoPackage, package), at: 0)
        do throws(RequestError) { try await send(.info, content) } catch { throw .failed(error) }
    }

    /// The Info packages that the far side is willing to receive now (RFC 6086 §5.2.2).
    public func wantedInfoPackages() async -> [String] {
        let leg = leg
        return await surroundings.lane.run { _ in leg.value.peerInfoPackages }
    }
}

/// Why an INFO of a package did not reach the far side.
public enum InfoError: Error, Sendable, CustomStringConvertible {
    /// The far side has not said that it is willing to receive the package; nothing was sent (RFC 6086 §4.2.1).
    case notWanted(package: String, wanted: [String])
    /// It was refused, with 469 when the far side does not want the package any more, or got no response.
    case failed(RequestError)

    public var description: String {
        switch self {
        case .notWanted(let package, let wanted):
            let list = wanted.isEmpty ? "it wants none" : "it wants " + wanted.joined(separator: ", ")
            return "The far side does not want the Info package \(package): \(list)"
        case .failed(let error): return error.description
        }
    }
}

/// What became of a transfer.
public enum TransferOutcome: Sendable, Hashable {
    /// The far side has reached the one whom it was transferred to.
    case succeeded
    /// It tried, and could not: busy, declined and the like. The call goes on.
    case failed(StatusCode, reason: String)
    /// It did not want to try. The call goes on.
    case refused(StatusCode, reason: String)
    /// It does not say. The call goes on, and is for this side to end.
    case unknown

    init(_ outcome: OutgoingReferral.Outcome) {
        switch outcome {
        case .succeeded: self = .succeeded
        case .failed(let fragment): self = .failed(fragment.status, reason: fragment.reason)
        case .refused(let status, let reason): self = .refused(status, reason: reason)
        case .unknown: self = .unknown
        }
    }
}

/// Why a request was not answered by a 2xx.
public struct RequestError: Error, Sendable, CustomStringConvertible {
    /// The status; 408 for silence, 503 when it could not be sent.
    public var status: StatusCode
    /// The reason for a person.
    public var reason: String
    /// The response, if there was one.
    public var response: Message?

    static func judge(
        _ response: Message?, _ status: StatusCode, _ reason: String
    ) -> Result<Message, RequestError> {
        if let response, status.isSuccess { return .success(response) }
        return .failure(RequestError(status: status, reason: reason, response: response))
    }

    public var description: String { "\(status.rawValue) \(reason)" }
}
