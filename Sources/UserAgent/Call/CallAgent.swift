public import Reactor
import SDP
public import SIP
public import SIPEndpoint

/// The calls of a user agent on one lane: makes them, takes them, and finds the one that a request belongs to.
///
/// Bound to its lane. A phone has one for its accounts; a server has one for its service numbers.
public final class CallAgent {
    /// Who the agent is when it calls.
    public struct Identity: Sendable {
        /// The value of From, without tag.
        public var address: NameAddress
        /// Where requests outside of a dialog go first (RFC 3261 §8.1.2), as a pre-loaded route; nil for the Request-URI.
        public var proxy: URI?

        public init(_ address: NameAddress, proxy: URI? = nil) {
            self.address = address
            self.proxy = proxy
        }
    }

    /// The methods that a call knows.
    static let allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"

    /// The SIP layers.
    public let layer: TransactionLayer
    /// The user part of Contact.
    public let contactUser: String
    let media: any MediaProvider
    /// Credentials for those who ask.
    var credentials: DigestClient
    var merged = MergedRequests()
    private var legs: [UInt64: CallLeg] = [:]
    private var legsByDialog: [LegKey: CallLeg] = [:]
    private var nextNumber: UInt64 = 0
    /// Told of each call that comes in, on the lane; it rings or answers or refuses it.
    public var onInvitation: (CallLeg) -> Void = { $0.reject(480) }

    /// Call-ID and our tag: what finds the leg of a request in a dialog.
    private struct LegKey: Hashable {
        var callID: [UInt8]
        var localTag: [UInt8]
    }

    public init(
        layer: TransactionLayer, contactUser: String, media: any MediaProvider,
        credentials: DigestClient = DigestClient(accounts: [], hash: DigestHash())
    ) {
        self.layer = layer
        self.contactUser = contactUser
        self.media = media
        self.credentials = credentials
    }

    /// Calls that are there, ended ones that still wait for stragglers too.
    public var count: Int { legs.count }

    /// BYE requests that are under way.
    private var goodbyes = 0
    /// Who waits until nothing of a call is left.
    private var waiting: [() -> Void] = []

    /// Hangs up all calls; `completion` is called when each peer has answered, or its transaction has ended without. What
    /// cannot be hung up yet, since its ACK has not come, is hung up then (RFC 3261 §15).
    public func hangUpAll(_ completion: @escaping () -> Void) {
        waiting.append(completion)
        for leg in all { leg.hangUp() }
        tellWhenQuiet()
    }

    private func tellWhenQuiet() {
        guard legs.isEmpty, goodbyes == 0 else { return }
        let told = waiting
        waiting = []
        for completion in told { completion() }
    }

    func goodbyeBegins() { goodbyes += 1 }

    func goodbyeEnds() {
        goodbyes -= 1
        tellWhenQuiet()
    }

    /// All calls.
    public var all: [CallLeg] { legs.values.sorted { $0.number < $1.number } }

    // MARK: Timers

    /// Marks the timer tokens of an agent, so that a handler with other timers can tell them apart.
    public static let timerMark: UInt64 = 1 << 59

    func timerToken(_ leg: UInt64, _ timer: UInt8) -> UInt64 { Self.timerMark | leg << 8 | UInt64(timer) }

    /// A timer of the agent has fired.
    public func timerFired(_ token: UInt64) {
        legs[(token & ~Self.timerMark) >> 8]?.fire(UInt8(truncatingIfNeeded: token))
    }

    // MARK: Calling

    /// Calls a URI. Events come through the leg's `onEvent`, set it before this lane's turn ends.
    ///
    /// - Throws: `SocketError` when there is no port for the media.
    public func call(_ uri: URI, as identity: Identity) throws(SocketError) -> CallLeg {
        let near = layer.listeners.first?.address ?? .loopback()
        let leg = CallLeg(self, number: newNumber(), media: try media.makeLeg(near: near), invitation: nil)
        legs[leg.number] = leg
        leg.callee = uri
        leg.identity = identity
        leg.callID = Array("\(Self.token(layer))@\(near.host)".utf8)
        leg.localTag = Array(Self.token(layer).utf8)
        leg.destination = identity.proxy ?? uri
        if let destination = leg.destination { sendInvite(leg, to: destination, again: false) }
        return leg
    }

    /// Sends the INVITE of a leg, or sends it again with credentials.
    func sendInvite(_ leg: CallLeg, to destination: URI, again: Bool) {
        layer.locate(destination) { [self] targets in
            guard !leg.isEnded else { return }
            guard let first = targets.first else {
                return leg.end(.init(503, "\(destination.host) has no address", .local))
            }
            leg.alternatives = Array(targets.dropFirst())
            sendInvite(leg, to: first)
        }
    }

    func sendInvite(_ leg: CallLeg, to target: Target) {
        guard let uri = leg.callee, let identity = leg.identity else { return }
        leg.sequence += 1
        do {
            if leg.negotiation.state == .offerSent { leg.negotiation.rollBack() }
            leg.answerBody = try leg.negotiation.makeOffer(leg.media.capabilities).serialised()
        } catch {
            return leg.end(.init(500, "The offer cannot be made: \(error)", .local))
        }
        let fields = leg.retry.authorize(
            .init(method: Array("INVITE".utf8), uri: uri.bytes, body: leg.answerBody), with: &credentials)
        let sent = layer.send(.invite, to: target, user: leg) { writer, via, flow in
            writer.append("INVITE ")
            writer.append(uri.bytes)
            writer.append(" SIP/2.0\r\n")
            writer.append(via)
            writer.append("Max-Forwards: \(Dialog.maxForwards)\r\nFrom: \(identity.address);tag=")
            writer.append(leg.localTag)
            writer.append("\r\nTo: <\(uri)>\r\nCall-ID: ")
            writer.append(leg.callID)
            writer.append("\r\nCSeq: \(leg.sequence) INVITE\r\n")
            for field in fields {
                writer.append(field.name.canonical)
                writer.append(": ")
                writer.append(field.value)
                writer.append("\r\n")
            }
            writeContact(flow, into: &writer)
            writeCapabilities(into: &writer)
            Self.writeBody(leg.answerBody, into: &writer)
        }
        guard let sent, let request = try? Message(sent.sentRequest) else {
            return leg.end(.init(503, "No listener of ours reaches \(target.address)", .local))
        }
        leg.invite = sent
        legsByDialog[LegKey(callID: leg.callID, localTag: leg.localTag)] = leg
        var machine = OutgoingInvite(request: request, timers: layer.configuration.timers)
        let actions = machine.start()
        leg.role = .caller(machine)
        leg.perform(actions)
        // A connection that cannot be had may have failed before the leg knew its transaction.
        if sent.isTerminated, !leg.isEnded { leg.failed(sent, .transport("the connection cannot be made"), in: layer) }
    }

    // MARK: Requests

    /// Whether a request belongs to a call of this agent.
    public func takes(_ request: IncomingRequest) -> Bool { leg(of: request) != nil }

    private func leg(of request: IncomingRequest) -> CallLeg? {
        guard !legsByDialog.isEmpty else { return nil }
        let view = request.view
        guard let to = try? view.to, !to.tag.isEmpty, let callID = try? view.callID else { return nil }
        return legsByDialog[LegKey(callID: view.array(callID), localTag: view.array(to.tag))]
    }

    /// A request for this agent: in a call of its, or an INVITE or OPTIONS outside.
    public func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        if let leg = leg(of: request) { return leg.receive(request, in: layer) }
        let view = request.view
        if (try? view.to.tag.isEmpty) == false {
            if view.method != .ack { layer.respondStatelessly(to: request, 481) }
            return
        }
        switch view.method {
        case .invite: receiveInvite(request, layer)
        case .options:
            layer.respondStatelessly(to: request, 200) { writer in
                writer.append("Allow: \(Self.allow)\r\nAccept: application/sdp\r\n")
            }
        case .ack, .cancel: return
        case .bye: layer.respondStatelessly(to: request, 481)
        default: layer.respondStatelessly(to: request, 405) { $0.append("Allow: \(Self.allow)\r\n") }
        }
    }

    private func receiveInvite(_ request: IncomingRequest, _ layer: TransactionLayer) {
        let view = request.view
        if let refusal = unsupported(view) {
            return layer.respondStatelessly(to: request, 420) { $0.append("Unsupported: \(refusal)\r\n") }
        }
        if view.body.count > 0, let type = view.value(of: .contentType),
            !view.text(type).lowercased().hasPrefix("application/sdp")
        {
            return layer.respondStatelessly(to: request, 415) { $0.append("Accept: application/sdp\r\n") }
        }
        guard let transaction = layer.accept(request, user: nil) else { return }
        if (try? merged.isMerged(view, transaction: transaction.number)) == true {
            return layer.respond(transaction, 482)
        }
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: transaction.toTag)
        let tag = writer.array
        do {
            let leg = CallLeg(
                self, number: newNumber(), media: try media.makeLeg(near: request.flow.local),
                invitation: transaction.request)
            let machine = try IncomingInvite(request: view, localTag: tag, timers: layer.configuration.timers)
            leg.transactionNumber = transaction.number
            leg.callID = view.array(try view.callID)
            leg.localTag = tag
            leg.flow = request.flow
            leg.role = .callee(machine, transaction)
            transaction.user = leg
            legs[leg.number] = leg
            legsByDialog[LegKey(callID: leg.callID, localTag: tag)] = leg
            leg.begin()
            onInvitation(leg)
        } catch let defect as MessageDefect {
            layer.respond(transaction, 400, reason: defect.reason)
        } catch {
            layer.respond(transaction, 503, reason: "There is no port left for media")
        }
    }

    /// The option tags of Require that this agent does not know: all of them (RFC 3261 §8.2.2.3).
    private func unsupported(_ view: MessageView) -> String? {
        let tags = view.values(of: .require).map { view.text($0) }
        return tags.isEmpty ? nil : tags.joined(separator: ", ")
    }

    // MARK: Endings

    func ended(_ leg: CallLeg) {
        leg.stopTimersButStragglers()
        merged.end(transaction: leg.transactionNumber)
        switch leg.role {
        case .caller(let machine) where machine.state == .accepted || machine.state == .proceeding: return
        default: forget(leg)
        }
    }

    func forget(_ leg: CallLeg) {
        leg.stopTimers()
        legs[leg.number] = nil
        legsByDialog[LegKey(callID: leg.callID, localTag: leg.localTag)] = nil
        leg.role = nil
        tellWhenQuiet()
    }

    /// Sends BYE in a dialog; its answer ends nothing that has not ended.
    func sendBye(_ dialog: Dialog, flow: Flow?, for sequence: UInt32?) {
        var dialog = dialog
        let number = sequence ?? dialog.nextSequence()
        let bye = ByeTransaction(self, dialog, number)
        targets(dialog.nextHop, flow: flow) { targets in bye.send(targets.first) }
    }

    /// Where requests in a dialog go: by the flow of the INVITE when its next hop is the same address, else as located.
    func targets(_ uri: URI, flow: Flow?, _ completion: @escaping ([Target]) -> Void) {
        layer.locate(uri) { targets in
            if let flow, flow.connection != 0, targets.isEmpty || targets.contains(where: { $0.address == flow.remote })
            {
                return completion([Target(flow)])
            }
            completion(targets)
        }
    }

    private func newNumber() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    static func token(_ layer: TransactionLayer) -> String {
        var writer = ByteWriter(capacity: 16)
        writer.append(hexadecimal: layer.driver.random())
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    // MARK: Parts of messages

    func writeContact(_ flow: Flow, into writer: inout ByteWriter) {
        writer.append("Contact: <sip:\(URI.escape(contactUser))@")
        writer.append(layer.listeners[Int(flow.listener)].advertised)
        if flow.transport != .udp {
            writer.append(";transport=")
            writer.append(flow.transport.parameterText)
        }
        writer.append(">\r\n")
    }

    func writeCapabilities(into writer: inout ByteWriter) {
        writer.append("Allow: \(Self.allow)\r\n")
        let name = layer.configuration.softwareName
        if !name.isEmpty { writer.append("User-Agent: \(name)\r\n") }
    }

    static func writeBody(_ body: [UInt8], into writer: inout ByteWriter) {
        writer.append("Content-Type: application/sdp\r\nContent-Length: ")
        writer.append(decimal: body.count)
        writer.append("\r\n\r\n")
        writer.append(body)
    }

    /// A Warning that a person can read (RFC 3261 §20.43).
    static func writeWarning(_ text: String, into writer: inout ByteWriter) {
        let clean = text.filter { $0 != "\r" && $0 != "\n" }
        writer.append("Warning: 399 itodenwa \(NameAddress.quote(clean))\r\n")
    }
}

/// A BYE on its way: repeated by its transaction, answered to challenges, and forgotten.
final class ByeTransaction: ClientTransactionUser {
    private let agent: CallAgent
    private var dialog: Dialog
    private var sequence: UInt32
    private var retry = AuthenticationRetry()
    private var target: Target?

    init(_ agent: CallAgent, _ dialog: Dialog, _ sequence: UInt32) {
        self.agent = agent
        self.dialog = dialog
        self.sequence = sequence
        agent.goodbyeBegins()
    }

    func send(_ target: Target?) {
        guard let target else { return agent.goodbyeEnds() }
        self.target = target
        let fields = retry.authorize(
            .init(method: Array("BYE".utf8), uri: dialog.requestURI.bytes), with: &agent.credentials)
        let sent = agent.layer.send(.bye, to: target, user: self) { writer, via, _ in
            dialog.writeHead(of: .bye, sequence: sequence, via: via, into: &writer)
            for field in fields {
                writer.append(field.name.canonical)
                writer.append(": ")
                writer.append(field.value)
                writer.append("\r\n")
            }
            writer.append("Content-Length: 0\r\n\r\n")
        }
        if sent == nil { agent.goodbyeEnds() }
    }

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        let status = response.view.statusCode
        guard status.isFinal else { return }
        guard status == 401 || status == 407,
            retry.receive(response.view, with: &agent.credentials) == .retry
        else { return agent.goodbyeEnds() }
        sequence += 1
        send(target)
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        agent.goodbyeEnds()
    }
}

extension TransportAddress {
    /// The IP address without port, as text.
    var host: String {
        withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            let count = writeIP(into: memory)
            return String(decoding: memory[0..<count], as: UTF8.self)
        }
    }
}
