public import Routing
public import SIP
public import SIPEndpoint

/// The registrar of one lane (RFC 3261 §10.3): it answers REGISTER out of a table of bindings that all lanes share.
///
/// It keeps no transactions: a request that comes again is known by its Call-ID, CSeq and contacts, changes nothing, and is
/// answered as at first.
///
/// Bound to its lane. What is above it has found that the Request-URI is in a domain of ours (step 1) and has
/// authenticated the user (step 3).
public final class Registrar {
    // `@exclusivity(unchecked)`, here and in what follows: members are touched by the lane's thread only, and none is handed
    // to foreign code while it is being changed, so that no check at run time is needed.
    /// Settings.
    @exclusivity(unchecked) public var configuration: RegistrarConfiguration
    /// What was counted.
    @exclusivity(unchecked) public private(set) var counters = RegistrarCounters()
    /// The bindings.
    public let table: BindingTable
    /// The domains, those of the table: a copy for each lane, so that requests meet at no lock.
    @exclusivity(unchecked) public var domains: DomainTable
    @exclusivity(unchecked) private var plan = RegistrationPlan()
    @exclusivity(unchecked) private var contacts = ContactReader()
    @exclusivity(unchecked) private var path = PathReader()
    @exclusivity(unchecked) private var date = DateField()
    /// What the answer says of push notifications.
    @exclusivity(unchecked) var featureCaps = ByteWriter(capacity: 256)
    private let userText = UnsafeMutableRawBufferPointer.allocate(
        byteCount: BindingTable.maximumUserSize + 1, alignment: 1)
    private let flowText = UnsafeMutableRawBufferPointer.allocate(byteCount: FlowCode.longest, alignment: 8)

    /// Makes the registrar of a lane.
    public init(table: BindingTable, configuration: RegistrarConfiguration = RegistrarConfiguration()) {
        self.table = table
        domains = table.domains
        self.configuration = configuration
    }

    deinit {
        userText.deallocate()
        flowText.deallocate()
    }

    /// Processes a REGISTER and answers it.
    ///
    /// - Parameters:
    ///   - request: the request; a header field that is wrong and needed is answered 400.
    ///   - layer: the transaction layer of the lane.
    ///   - domain: the domain of the Request-URI, as an index of the table's domains.
    ///   - authenticatedUser: the user that the request's credentials in that domain prove, unescaped; nil when requests
    ///     need none, and then anybody may register for anybody.
    /// - Returns: what was answered, for the log.
    @discardableResult
    public func receive(
        _ request: IncomingRequest, in layer: TransactionLayer, domain: Int,
        authenticatedUser: UnsafeRawBufferPointer? = nil
    ) -> RegistrationOutcome {
        var outcome: RegistrationOutcome
        do throws(MessageDefect) {
            outcome = try process(request, in: layer, domain, authenticatedUser)
        } catch {
            layer.respondStatelessly(to: request, error.status, reason: error.reason)
            outcome = RegistrationOutcome(error.status, error.reason)
        }
        counters.count(outcome)
        return outcome
    }

    /// Steps 2 to 8 of RFC 3261 §10.3.
    private func process(
        _ request: IncomingRequest, in layer: TransactionLayer, _ domain: Int,
        _ authenticatedUser: UnsafeRawBufferPointer?
    ) throws(MessageDefect) -> RegistrationOutcome {
        let view = request.view
        guard view.method == .register else {
            return answer(request, 405, in: layer) { $0.append("Allow: REGISTER\r\n") }
        }
        if view.firstIndex(of: .require) != nil, let refusal = refuseExtensions(request, in: layer) { return refusal }
        let user = try addressOfRecord(view, domain)
        if let authenticatedUser, !equal(authenticatedUser, user) {
            return answer(request, 403, "Not Your Address Of Record", in: layer)
        }
        guard !user.isEmpty, table.directory.isUser(user, domain: domain) else {
            // Who is not known yet may be loaded still, along with the bindings.
            return table.isLoading ? deferred(request, "Loading", in: layer) : answer(request, 404, in: layer)
        }
        var registration = Registration(
            domain: domain, user: user, callID: view.bytes(try view.callID), sequenceNumber: try view.cSeq.number,
            flow: UnsafeRawBufferPointer(rebasing: flowText[0..<FlowCode.write(request.flow, into: flowText)]),
            now: table.now, maximumContacts: contactLimit, repeatWindow: configuration.repeatWindow)
        guard registration.callID.count <= fieldLimit else {
            return answer(request, 403, "Call-ID Too Long", in: layer)
        }
        let isQuery = view.firstIndex(of: .contact) == nil
        registration.path = try path.read(view)
        let outbound = OutboundSupport(request, path: registration.path)
        if !registration.path.isEmpty, let refusal = refusePath(registration.path, request, in: layer) {
            return refusal
        }
        featureCaps.removeAll()
        if isQuery {
            // A list that is not whole yet would be taken for whole.
            if table.isLoading { return deferred(request, "Loading", in: layer) }
            plan.changes.removeAll(keepingCapacity: true)
        } else {
            let reading = try contacts.read(
                request, configuration, outbound, contactLimit: contactLimit, fieldLimit: fieldLimit, into: &plan)
            switch reading {
            case .changes:
                if let defect = instanceDefect(plan.changes, view, domain) {
                    return answer(request, 403, defect, in: layer)
                }
                let number = (layer.driver.random(), UInt16(truncatingIfNeeded: layer.driver.random()))
                switch examinePush(&plan, registration, view, number: number) {
                case .taken: break
                case .unknownService: return answer(request, 555, in: layer)
                case .tooBrief: return tooBrief(request, RegistrarConfiguration.leastPushExpires, in: layer)
                }
                registration.freshGeneration = UInt32(truncatingIfNeeded: layer.driver.random()) | 1
            case .removesAll: registration.removesAll = true
            case .tooBrief: return tooBrief(request, configuration.minimumExpires, in: layer)
            case .tooMany: return answer(request, 403, "Too Many Contacts", in: layer)
            case .tooLong: return answer(request, 403, "Contact Too Long", in: layer)
            case .firstHopLacksOutbound: return answer(request, 439, in: layer)
            case .severalFlows: return answer(request, 400, "A Flow Stands Alone", in: layer)
            }
        }
        if view.list(.supported, contains: "gruu") {
            let number = (layer.driver.random(), UInt16(truncatingIfNeeded: layer.driver.random()))
            registration.gruus = GRUUWriter(
                view, try view.uri(try view.to.uri), table.temporaryGRUUs, number: number)
        }
        registration.confirmsOutbound = outbound.isOffered && plan.changes.contains { $0.isFlow }
        let outcome = conclude(table.register(registration, &plan), registration, request, in: layer)
        if isQuery, outcome.status == 200 { counters.queries &+= 1 }
        return outcome
    }

    private var fieldLimit: Int { min(configuration.maximumFieldSize, RegistrarConfiguration.largestFieldSize) }

    private var contactLimit: Int {
        min(configuration.maximumContacts, RegistrarConfiguration.largestContactCount)
    }

    // MARK: Steps

    /// The extensions that a REGISTER may require.
    public static let supportedExtensions: [StaticString] = ["path", "outbound", "gruu"]

    /// Step 2: extensions that the request requires and that are not supported (RFC 3261 §8.2.2.3).
    private func refuseExtensions(_ request: IncomingRequest, in layer: TransactionLayer) -> RegistrationOutcome? {
        let unknown = Self.unsupported(request.view)
        guard !unknown.isEmpty else { return nil }
        return answer(request, 420, in: layer) { Self.writeUnsupported(unknown, of: request.view, into: &$0) }
    }

    /// The extensions that a request for the server requires and that are not supported (RFC 3261 §8.2.2.3).
    public static func unsupported(_ view: MessageView) -> [ByteRange] {
        view.values(of: .require).filter { value in
            !supportedExtensions.contains { view.equals(value, ignoringCase: $0) }
        }
    }

    /// Writes the field that names extensions which are not supported.
    public static func writeUnsupported(_ values: [ByteRange], of view: MessageView, into writer: inout ByteWriter) {
        writer.append("Unsupported: ")
        for (index, value) in values.enumerated() {
            if index > 0 { writer.append(", ") }
            writer.append(view.bytes(value))
        }
        writer.append("\r\n")
    }

    /// A Path that is too long, or that was put in though the user agent knows nothing of it (RFC 3327 §5.3).
    private func refusePath(
        _ path: UnsafeRawBufferPointer, _ request: IncomingRequest, in layer: TransactionLayer
    ) -> RegistrationOutcome? {
        guard path.count <= fieldLimit else { return answer(request, 403, "Path Too Long", in: layer) }
        guard configuration.requiresPathSupport, !request.view.list(.supported, contains: "path") else { return nil }
        return answer(request, 420, "Path Without Support", in: layer) { $0.append("Unsupported: path\r\n") }
    }

    /// Step 5: the user of the address of record in To, its escapes undone and its parameters left away; empty when To is
    /// not in the domain of the Request-URI. The bytes are valid until the next request.
    private func addressOfRecord(
        _ view: MessageView, _ domain: Int
    ) throws(MessageDefect) -> UnsafeRawBufferPointer {
        let nobody = UnsafeRawBufferPointer(rebasing: userText[0..<0])
        let uri = try view.uri(try view.to.uri)
        // An address of record is a SIP or SIPS URI (RFC 3261 §10.2, RFC 4475 §3.3.4).
        guard uri.isSIP else { throw MessageDefect(.uri, "To holds no SIP URI", header: .to) }
        guard domains.find(view.bytes(uri.host)) == domain else { return nobody }
        let count = unescape(view.bytes(uri.user), into: userText)
        guard count <= BindingTable.maximumUserSize else { return nobody }
        return UnsafeRawBufferPointer(rebasing: userText[0..<count])
    }

    /// Steps 6 to 8, when the bindings were asked.
    private func conclude(
        _ verdict: RegistrationVerdict, _ registration: Registration, _ request: IncomingRequest,
        in layer: TransactionLayer
    ) -> RegistrationOutcome {
        switch verdict {
        case .accepted(let effect):
            let isSecure = (try? request.view.requestURI)?.scheme == .sips
            let serviceRoute = configuration.serviceRoute(ofDomain: registration.domain, isSecure: isSecure)
            layer.respondStatelessly(to: request, 200) { writer in
                date.write(effect.moment, into: &writer)
                writer.append(plan.answer.bytes)
                if !registration.path.isEmpty {
                    writer.append("Path: ")
                    writer.append(registration.path)
                    writer.append("\r\n")
                }
                if registration.confirmsOutbound { writeOutbound(into: &writer) }
                writer.append(featureCaps.bytes)
                if !serviceRoute.isEmpty {
                    writer.append("Service-Route: ")
                    writer.append(serviceRoute)
                    writer.append("\r\n")
                }
            }
            var outcome = RegistrationOutcome(200)
            outcome.added = effect.added
            outcome.refreshed = effect.refreshed
            outcome.removed = effect.removed
            outcome.isRepeat = effect.isRepeat
            if let change = plan.changes.first(where: \.wakesByPush) {
                outcome.pushContact = [UInt8](change.contact)
                outcome.pushUser = [UInt8](registration.user)
            }
            return outcome
        case .outOfOrder: return answer(request, 500, "Request Out Of Order", in: layer)
        case .contradiction: return answer(request, 400, "Contact Repeated", in: layer)
        case .tooManyContacts: return answer(request, 403, "Too Many Contacts", in: layer)
        case .deferred(.full): return deferred(request, "Too Many Bindings", in: layer)
        case .deferred: return deferred(request, "Registrations Delayed", in: layer)
        }
    }

    /// RFC 5626 §6: what tells the user agent that its flow is kept, and how often to show that it is alive.
    private func writeOutbound(into writer: inout ByteWriter) {
        writer.append("Require: outbound\r\n")
        guard configuration.flowTimer > 0 else { return }
        writer.append("Flow-Timer: ")
        writer.append(decimal: UInt64(configuration.flowTimer))
        writer.append("\r\n")
    }

    // MARK: Answers

    private func answer(
        _ request: IncomingRequest, _ status: StatusCode, _ reason: StaticString? = nil, in layer: TransactionLayer,
        _ extra: (inout ByteWriter) -> Void = { _ in }
    ) -> RegistrationOutcome {
        layer.respondStatelessly(to: request, status, reason: reason, extra)
        return RegistrationOutcome(status, reason)
    }

    /// 423 with what is the least (RFC 3261 §20.23).
    private func tooBrief(
        _ request: IncomingRequest, _ minimum: UInt32, in layer: TransactionLayer
    ) -> RegistrationOutcome {
        return answer(request, 423, in: layer) { writer in
            writer.append("Min-Expires: ")
            writer.append(decimal: UInt64(minimum))
            writer.append("\r\n")
        }
    }

    /// 503 with when to come again (RFC 3261 §21.5.4).
    private func deferred(
        _ request: IncomingRequest, _ reason: StaticString, in layer: TransactionLayer
    ) -> RegistrationOutcome {
        let seconds = configuration.retryAfter
        return answer(request, 503, reason, in: layer) { writer in
            writer.append("Retry-After: ")
            writer.append(decimal: UInt64(seconds))
            writer.append("\r\n")
        }
    }
}
