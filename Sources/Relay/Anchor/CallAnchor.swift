import Media
import Reactor
public import Routing
import SDP
public import SIP
import SIPEndpoint

/// The relay as the proxy of one signalling lane sees it: the calls of the lane whose media is anchored.
public final class CallAnchor: MediaAnchor {
    /// The media of one call.
    private struct Call {
        /// The tag of whoever began it.
        let callerTag: [UInt8]
        /// Whether media may not pass by the relay, so that what cannot be anchored is refused.
        let isStrict: Bool
        var dialogs: [AnchoredDialog] = []
    }

    let relay: MediaRelay
    private var calls: [[UInt8]: Call] = [:]
    private let news: AnchorNews
    /// Told of each dialog that is to be ended, for its media is over; it is forgotten here by then.
    public var onEnding: ((DialogEnding) -> Void)?

    /// Makes the anchor of a lane; to be used there.
    ///
    /// - Parameter post: runs work on that lane.
    public init(_ relay: MediaRelay, post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.relay = relay
        news = AnchorNews(post)
        news.receive = { [unowned self] fate, bridge, callID in hear(fate, of: bridge, callID) }
    }

    deinit { news.receive = nil }

    /// Calls of the lane whose media is anchored.
    public var count: Int { calls.count }

    // MARK: MediaAnchor

    public func forwards(_ request: MessageView, _ passage: MediaPassage) -> AnchoredBody {
        let method = request.method
        guard method == .invite || method == .ack || method == .prack || method == .update else {
            if !calls.isEmpty { observe(request) }
            return .untouched
        }
        var passage = passage
        if method == .invite { passage.encryption = NATRule.encryption(request, passage) }
        guard !calls.isEmpty || passage.mode != .direct && begins(request, passage), let reading = Reading(request)
        else { return .untouched }
        if calls[reading.callID] == nil {
            guard begins(request, passage) else { return .untouched }
            guard calls.count < relay.configuration.callLimit else { return refuse(503) }
            calls[reading.callID] = Call(callerTag: reading.fromTag, isStrict: passage.mode == .anchor)
            relay.count {
                $0.calls += 1
                $0.anchored += 1
            }
        }
        guard let call = calls[reading.callID] else { return .untouched }
        let isFromCaller = reading.fromTag == call.callerTag
        if method == .invite, reading.toTag.isEmpty, isFromCaller,
            !call.dialogs.contains(where: { $0.context == passage.context && $0.branch == passage.branch })
        {
            guard call.dialogs.allSatisfy({ $0.context == passage.context }) else {
                // The same call once more, on a way that leads through here twice: what is promised to its end must hold already.
                let isKept = call.dialogs.allSatisfy { $0.encryption == passage.encryption }
                return isKept || passage.encryption == .pass ? .untouched : refuse(488)
            }
            // A further branch of the same request.
            guard let dialog = makeDialog(request, passage, reading.callID) else {
                return passage.encryption == .pass ? .untouched : refuse(503)
            }
            calls[reading.callID]?.dialogs.append(dialog)
        }
        guard let index = find(call: reading.callID, reading, isFromCaller, passage) else { return .untouched }
        let isSecured = calls[reading.callID]?.dialogs[index].isSecured ?? false
        observe(request, isFromCaller, reading.callID, index)
        guard let description = request.description else {
            guard request.mayLeadPast(isStrict: call.isStrict, isSecured: isSecured) else { return .untouched }
            return method == .ack ? withhold() : refuse(488)
        }
        let side: RelaySide = isFromCaller ? .caller : .callee
        let key = OfferKey(isFromCaller: isFromCaller, sequence: reading.sequence)
        guard method != .ack else { return acknowledges(description, reading.callID, index, key) }
        return with(reading.callID, index) { dialog throws(AnchoredDialog.Refusal) in
            // A PRACK answers what a response has offered, or offers something itself (RFC 3262 §5).
            if method == .prack, let late = dialog.lateOffer(isFromCaller) {
                return try dialog.answer(description, to: late, tag: [])
            }
            return try dialog.offer(description, from: side, key, isLate: false, relay)
        } orElse: { _ in
            nil
        }
    }

    /// An ACK brings a description, which answers what the 2xx has offered. It has the number of the INVITE, and says the same whenever it
    /// comes again (RFC 3261 §13.2.2.4).
    private func acknowledges(
        _ description: SessionDescription, _ callID: [UInt8], _ index: Int, _ key: OfferKey
    ) -> AnchoredBody {
        guard let call = calls[callID] else { return .untouched }
        guard call.dialogs[index].offers[key]?.isLate ?? false else {
            return call.isStrict || call.dialogs[index].isSecured ? withhold() : .untouched
        }
        return with(callID, index) { dialog throws(AnchoredDialog.Refusal) in
            try dialog.answer(description, to: key, tag: [])
        } orElse: { dialog in
            dialog.refusal(of: description, to: key)
        }
    }

    public func passes(_ response: MessageView, context: UInt64, branch: Int) -> AnchoredBody {
        guard !calls.isEmpty, let reading = Reading(response), let call = calls[reading.callID] else {
            return .untouched
        }
        let isFromCaller = reading.fromTag == call.callerTag
        let passage = (context, branch)
        let found =
            call.dialogs.firstIndex { $0.context == passage.0 && $0.branch == passage.1 }
            ?? dialog(of: call, reading, isFromCaller)
        guard let index = found else { return .untouched }
        let status = response.statusCode
        if reading.method == .invite, isFromCaller, status != 100 {
            calls[reading.callID]?.dialogs[index].note(tag: reading.toTag, confirms: status.isSuccess)
            // It has rung for as long as it has; whether it is silent is asked from now on.
            if status.isSuccess, !call.dialogs[index].isConfirmed { call.dialogs[index].bridge.resume() }
        }
        if status.isSuccess { observe(response, reading, isFromCaller, index) }
        let key = OfferKey(isFromCaller: isFromCaller, sequence: reading.sequence)
        guard status.isSuccess || status.isProvisional else { return .untouched }
        let isSecured = call.dialogs[index].isSecured
        guard let description = response.description else {
            return response.mayLeadPast(isStrict: call.isStrict, isSecured: isSecured) ? withhold() : .untouched
        }
        let side: RelaySide = isFromCaller ? .callee : .caller
        let isOffer = call.dialogs[index].offers[key].map { $0.isLate } ?? true
        guard !isOffer || reading.method == .invite else {
            // It answers nothing, and only the response to an INVITE can offer something (RFC 6337 §2.2).
            return call.isStrict || isSecured ? withhold() : .untouched
        }
        return with(reading.callID, index) { dialog throws(AnchoredDialog.Refusal) in
            guard isOffer else {
                return try dialog.answer(description, to: key, tag: isFromCaller ? reading.toTag : [])
            }
            return try dialog.offer(description, from: side, key, isLate: true, relay)
        } orElse: { dialog in
            // A response has to go back; that it brings no stream is better than one that goes past the relay, or in the clear.
            dialog.refusal(of: description, to: key)
        }
    }

    public func concluded(_ request: MessageView, _ status: StatusCode, context: UInt64) {
        guard !calls.isEmpty, let reading = Reading(request), let call = calls[reading.callID] else { return }
        let isFromCaller = reading.fromTag == call.callerTag
        let key = OfferKey(isFromCaller: isFromCaller, sequence: reading.sequence)
        switch request.method {
        case .bye:
            // What has to be said again with credentials, or later, has not ended anything (RFC 3261 §15.1.2).
            guard status.isSuccess || status == 481 || status == 408 || status.category >= 5 else { return }
            guard let index = dialog(of: call, reading, isFromCaller) else { return }
            end(reading.callID, index, .hungUp)
        case .invite where reading.toTag.isEmpty:
            guard call.dialogs.contains(where: { $0.context == context }) else { return }
            guard status.isSuccess else { return end(reading.callID) }
            settle(reading.callID)
        case .invite, .update, .prack:
            guard !status.isSuccess else {
                guard request.method != .prack, let index = dialog(of: call, reading, isFromCaller) else { return }
                calls[reading.callID]?.dialogs[index].observed?.refresh(isFromCaller ? .caller : .callee, by: request)
                return
            }
            for index in call.dialogs.indices { calls[reading.callID]?.dialogs[index].withdraw(key) }
        default: break
        }
    }

    // MARK: Calls

    /// Whether a request begins a call that is to be anchored.
    ///
    /// It costs nothing but a look at the addresses and at a line of the body, since it is asked for each request of those that are not.
    private func begins(_ request: MessageView, _ passage: MediaPassage) -> Bool {
        guard request.method == .invite, let to = try? request.to, to.tag.isEmpty else { return false }
        switch passage.mode {
        case .direct: return false
        case .anchor: return true
        // What is to be secured has to come through here.
        case .auto: return passage.encryption != .pass || NATRule.demandsRelay(request, passage)
        }
    }

    private func makeDialog(_ request: MessageView, _ passage: MediaPassage, _ callID: [UInt8]) -> AnchoredDialog? {
        guard let caller = local(passage.arrival), let callee = local(passage.departure) else { return nil }
        let (relay, news) = (relay, news)
        let bridge = MediaBridge(
            on: relay.nextLane(), callID: callID, report: relay.report, patience: relay.configuration.patience,
            heldPatience: relay.configuration.heldPatience,
            onSilence: { bridge in news.tell(.silence, of: bridge, callID) },
            onLoss: { bridge in news.tell(.insecurity, of: bridge, callID) },
            onFailure: { _ in relay.count { $0.refused += 1 } },
            onInsecurity: { _ in relay.count { $0.insecure += 1 } })
        var dialog = AnchoredDialog(
            context: passage.context, branch: passage.branch, bridge: bridge,
            local: [.caller: caller.bound, .callee: callee.bound], told: [.caller: caller.told, .callee: callee.told],
            signalling: [.caller: passage.arrival.remote, .callee: passage.departure.remote],
            browsers: [
                .caller: passage.arrival.transport.isOfBrowsers, .callee: passage.departure.transport.isOfBrowsers,
            ],
            encryption: passage.encryption, certificates: relay.certificates)
        dialog.observed = ObservedDialog(request, arrival: passage.arrival, departure: passage.departure)
        return dialog
    }

    /// The address of the sockets that face the far end of a flow, and what that end is told.
    private func local(_ flow: Flow) -> (bound: TransportAddress, told: ConnectionAddress)? {
        var address = flow.local
        if address.isWildcard {
            guard let route = TransportAddress.route(to: flow.remote) else { return nil }
            address = route
        }
        let configuration = relay.configuration
        let advertised = address.isIPv6 ? configuration.advertisedIPv6 : configuration.advertisedIPv4
        return (address.with(port: 0), ConnectionAddress(advertised ?? address))
    }

    private func find(call: [UInt8], _ reading: Reading, _ isFromCaller: Bool, _ passage: MediaPassage) -> Int? {
        guard let call = calls[call] else { return nil }
        if reading.toTag.isEmpty {
            return call.dialogs.firstIndex { $0.context == passage.context && $0.branch == passage.branch }
        }
        return dialog(of: call, reading, isFromCaller)
    }

    /// The dialog that a message belongs to, by the tag of the callee.
    private func dialog(of call: Call, _ reading: Reading, _ isFromCaller: Bool) -> Int? {
        let tag = isFromCaller ? reading.toTag : reading.fromTag
        if let index = call.dialogs.firstIndex(where: { $0.tags.contains(tag) }) { return index }
        // Where there is but one, a tag that is not known, or none (RFC 3261 §12.2.2), can only mean that.
        return call.dialogs.count == 1 && call.dialogs[0].isConfirmed ? 0 : nil
    }

    // MARK: Ends of calls

    /// Takes note of a request in a dialog that carries no description.
    private func observe(_ request: MessageView) {
        guard let reading = Reading(request), !reading.toTag.isEmpty, let call = calls[reading.callID] else { return }
        let isFromCaller = reading.fromTag == call.callerTag
        guard let index = dialog(of: call, reading, isFromCaller) else { return }
        observe(request, isFromCaller, reading.callID, index)
    }

    private func observe(_ request: MessageView, _ isFromCaller: Bool, _ callID: [UInt8], _ index: Int) {
        let wasAcknowledged = calls[callID]?.dialogs[index].observed?.isAcknowledged ?? true
        calls[callID]?.dialogs[index].observed?.note(request, from: isFromCaller ? .caller : .callee)
        // A handshake that had failed before is to be heard of now.
        if request.method == .ack, !wasAcknowledged { calls[callID]?.dialogs[index].bridge.review() }
    }

    /// Takes note of a 2xx in a dialog.
    private func observe(_ response: MessageView, _ reading: Reading, _ isFromCaller: Bool, _ index: Int) {
        guard reading.method == .invite || reading.method == .update,
            let dialog = calls[reading.callID]?.dialogs[index],
            dialog.tags.contains(isFromCaller ? reading.toTag : reading.fromTag)
        else { return }
        if reading.method == .invite, isFromCaller {
            calls[reading.callID]?.dialogs[index].observed?.answered(response)
        }
        calls[reading.callID]?.dialogs[index].observed?.refresh(isFromCaller ? .callee : .caller, by: response)
    }

    /// A media lane says that the media of a dialog is over. While it rings nobody has to be heard, and another answer may bring other
    /// keys; of a dialog that is gone there is nothing to say.
    private func hear(_ fate: DialogEnding.Cause, of bridge: MediaBridge, _ callID: [UInt8]) {
        guard let call = calls[callID], let index = call.dialogs.firstIndex(where: { $0.bridge === bridge }) else {
            return
        }
        let dialog = call.dialogs[index]
        guard dialog.isConfirmed else { return bridge.resume() }
        switch fate {
        case .silence: relay.count { $0.silent += 1 }
        case .insecurity: guard dialog.observed?.isAcknowledged ?? true else { return }
        }
        end(callID, index, fate == .silence ? .silence : .insecurity)
        guard let onEnding, let ending = dialog.observed?.ending(callID, fate) else { return }
        relay.count { $0.ended += 1 }
        onEnding(ending)
    }

    private func with(
        _ callID: [UInt8], _ index: Int,
        _ work: (inout AnchoredDialog) throws(AnchoredDialog.Refusal) -> SessionDescription?,
        orElse substitute: (AnchoredDialog) -> SessionDescription?
    ) -> AnchoredBody {
        guard var dialog = calls[callID]?.dialogs[index] else { return .untouched }
        do throws(AnchoredDialog.Refusal) {
            let result = try work(&dialog)
            calls[callID]?.dialogs[index] = dialog
            return result.map { .replaced($0.serialised()) } ?? .untouched
        } catch {
            calls[callID]?.dialogs[index] = dialog
            if let result = substitute(dialog) {
                relay.count { $0.refused += 1 }
                return .replaced(result.serialised())
            }
            if case .ports = error { return refuse(503) }
            return refuse(488)
        }
    }

    private func refuse(_ status: StatusCode) -> AnchoredBody {
        relay.count { $0.refused += 1 }
        return .refused(status)
    }

    /// Takes the body from a message that cannot be refused: an ACK, or a response.
    private func withhold() -> AnchoredBody {
        relay.count { $0.refused += 1 }
        return .replaced([])
    }

    /// The INVITE of a call has been answered with 2xx: the branches that lost go, in case no other 2xx comes.
    private func settle(_ callID: [UInt8]) {
        guard let call = calls[callID] else { return }
        for index in call.dialogs.indices {
            guard !call.dialogs[index].isConfirmed else { continue }
            calls[callID]?.dialogs[index].expires = .now + relay.configuration.forkTime
        }
    }

    private func end(_ callID: [UInt8], _ index: Int, _ ending: RelayedCall.Ending) {
        guard var call = calls[callID] else { return }
        call.dialogs[index].bridge.close(call.dialogs[index].isConfirmed ? ending : nil)
        call.dialogs.remove(at: index)
        calls[callID] = call
        // Branches that have lost are nobody's reason to keep a call.
        if !call.dialogs.contains(where: \.isConfirmed) { end(callID) }
    }

    private func end(_ callID: [UInt8]) {
        guard let call = calls.removeValue(forKey: callID) else { return }
        for dialog in call.dialogs { dialog.bridge.close() }
        relay.count { $0.calls -= 1 }
    }

    /// Gives up the ports of branches that have not answered; to be called from time to time.
    public func sweep(at now: ContinuousClock.Instant) {
        for (callID, call) in calls {
            for (index, dialog) in call.dialogs.enumerated().reversed() {
                guard let expires = dialog.expires, expires <= now, !dialog.isConfirmed else { continue }
                calls[callID]?.dialogs[index].bridge.close()
                calls[callID]?.dialogs.remove(at: index)
            }
            if calls[callID]?.dialogs.isEmpty ?? false { end(callID) }
        }
    }
}

extension MessageView {
    /// Whether a body that cannot be read may lead media past the relay, where nothing may.
    fileprivate func mayLeadPast(isStrict: Bool, isSecured: Bool) -> Bool {
        isStrict && carriesSDP || isSecured && (carriesSDP || carriesParts)
    }
}

/// What tells messages of a call from each other.
private struct Reading {
    let callID: [UInt8]
    let fromTag: [UInt8]
    let toTag: [UInt8]
    let sequence: UInt32
    let method: Method

    init?(_ view: MessageView) {
        guard let callID = try? view.callID, let from = try? view.from, let to = try? view.to,
            let cSeq = try? view.cSeq
        else { return nil }
        self.callID = view.array(callID)
        fromTag = view.array(from.tag)
        toTag = view.array(to.tag)
        sequence = cSeq.number
        method = cSeq.method
    }
}
