import Reactor
public import SIP

// Overload control: of this element as a server, and as a client of others (RFC 7339, RFC 7415).
extension TransactionLayer {
    /// The share of new requests that this lane takes: 1 unless it is overloaded.
    public var admission: Double { gate.controller.share }

    /// Whether some server has asked for less than it was sent.
    public var isThrottled: Bool { !throttles.isEmpty(at: driver.now) }

    // MARK: As a server

    /// Measures when it is time, and refuses a new request when there are too many; false when it was answered.
    func takes(_ request: IncomingRequest) -> Bool {
        guard configuration.overload.sheds else { return true }
        if !(driver.now < gate.windowEnd) {
            gate.measure(driver.workload, served: counters.requestsReceived &+ counters.responsesReceived)
        }
        let algorithms = request.via.hasOverloadControl ? OverloadAlgorithms(request.view, request.via) : []
        let takesPart = configuration.overload.givesFeedback && !algorithms.isEmpty
        if takesPart, configuration.overload.algorithm == .rate, algorithms.contains(.rate) {
            gate.count(request.flow.remote)
        }
        guard gate.isOverloaded, request.view.beginsSomething, !hasPriority(request.view),
            !gate.takes(takesPart: takesPart)
        else { return true }
        counters.overloadShed &+= 1
        // Without Retry-After, which would turn all of the client's requests away (RFC 7339 §5.10.2).
        respondStatelessly(to: request, 503, reason: "Overloaded")
        return false
    }

    /// Spends the time that each request takes in a trial.
    func spendTrialCost() {
        let end = ContinuousClock.now + configuration.overload.trialCost
        while ContinuousClock.now < end {}
    }

    /// What the client of a request is told about how much to send; nil when it takes no part.
    func overloadFeedback(for request: IncomingRequest) -> OverloadFeedback? {
        guard request.via.hasOverloadControl else { return nil }
        return overloadFeedback(for: request.flow.remote, OverloadAlgorithms(request.view, request.via))
    }

    /// What the client of a transaction is told with its next response; nil when it takes no part.
    public func overloadFeedback(for transaction: ServerTransaction) -> OverloadFeedback? {
        overloadFeedback(for: transaction.flow.remote, transaction.overloadAlgorithms)
    }

    private func overloadFeedback(
        for client: TransportAddress, _ algorithms: OverloadAlgorithms
    ) -> OverloadFeedback? {
        guard configuration.overload.sheds, !algorithms.isEmpty else { return nil }
        return gate.feedback(for: client, algorithms)
    }

    /// Whether a request is given up last, as one of an emergency is (RFC 5031, RFC 7339 §5.10.1).
    private func hasPriority(_ view: MessageView) -> Bool {
        if view.isEmergency { return true }
        let priorities = configuration.overload.priorities
        guard !priorities.isEmpty else { return false }
        var values = view.values(of: .resourcePriority)
        while let value = values.next() {
            let bytes = view.bytes(value)
            if priorities.contains(where: { $0.count == bytes.count && zip($0, bytes).allSatisfy { $0 == $1 | 0x20 } })
            {
                return true
            }
        }
        return false
    }

    // MARK: As a client

    /// Whether requests to a target offer the server to say how much is sent: to servers that were located, and not to phones.
    func offersOverloadControl(to target: Target, isContact: Bool) -> Bool {
        configuration.overload.isOffered && target.flow == nil && !isContact
    }

    /// Whether a request may be sent to a target, as far as that has asked for less; what may not is counted.
    func admits(_ target: Target, isSheddable: Bool) -> Bool {
        guard isThrottled, target.flow == nil else { return true }
        if throttles.admits(target.address, isSheddable: isSheddable, at: driver.now, random: driver.random()) {
            return true
        }
        counters.throttled &+= 1
        return false
    }

    /// Hears what a server says in our Via of how much to send.
    func heedOverload(_ via: ViaIndex, _ view: MessageView, _ transaction: ClientTransaction) {
        guard configuration.overload.isOffered, transaction.isLocated,
            let feedback = OverloadFeedback(view, via)
        else { return }
        throttles.receive(feedback, from: transaction.flow.remote, at: driver.now)
    }
}

extension MessageView {
    /// Whether the message is a request outside of a dialog that may be shed under load.
    public var beginsSomething: Bool {
        guard isRequest, method != .ack, method != .bye, method != .cancel, method != .prack else { return false }
        return (try? to)?.tag.isEmpty ?? true
    }

    /// Whether a request is for an emergency service: its Request-URI is `urn:service:sos`, or below it (RFC 5031 §4.2).
    var isEmergency: Bool {
        let service: StaticString = "urn:service:sos"
        let uri = bytes(startLine.uriRange)
        let count = service.utf8CodeUnitCount
        guard uri.count >= count, uri.count == count || uri[count] == UInt8(ascii: ".") else { return false }
        for i in 0..<count where Self.smallLetter(uri[i]) != service.utf8Start[i] { return false }
        return true
    }

    private static func smallLetter(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }
}
