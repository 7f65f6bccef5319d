import SIP
import SIPEndpoint

/// Reads the Contact values of a REGISTER into the changes that they want (RFC 3261 §10.3 steps 6 and 7).
///
/// A lane has one and uses it again; it holds the memory for parameters that are put together anew.
struct ContactReader: ~Copyable {
    /// What the contacts say.
    enum Reading {
        /// The plan's changes are filled.
        case changes
        /// The one contact is "*".
        case removesAll
        /// An expiration is below the minimum.
        case tooBrief
        /// There are more contacts than an address of record may have.
        case tooMany
        /// A contact is longer than allowed.
        case tooLong
        /// A flow is asked for through a first proxy that keeps none (RFC 5626 §6).
        case firstHopLacksOutbound
        /// More than one contact is there, and a flow among them (RFC 5626 §6).
        case severalFlows
    }

    /// The parameters of all contacts but for `q` and `expires`, one after another.
    private var parameters = ByteWriter(capacity: 1_024)
    /// Where those of each contact end.
    private var ends: [Int] = []

    /// Reads all contacts.
    ///
    /// - Throws: `MessageDefect` when one is malformed, or "*" breaks its rules.
    mutating func read(
        _ request: IncomingRequest, _ configuration: RegistrarConfiguration, _ outbound: OutboundSupport,
        contactLimit: Int, fieldLimit: Int, into plan: inout RegistrationPlan
    ) throws(MessageDefect) -> Reading {
        let view = request.view
        plan.changes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        parameters.removeAll()
        let detection = NATDetection(request)
        let general = view.value(of: .expires).map { Self.expires(view.bytes($0)) }
        var hasWildcard = false
        // What contradicts the grammar goes before what policy forbids (RFC 3261 §10.3 steps 6 and 7).
        var refusal: Reading?
        var count = 0
        var present = 0
        var hasFlow = false
        var values = view.values(of: .contact)
        while let value = values.next() {
            let address = try located { () throws(MessageDefect) in try view.address(value) }
            count += 1
            if address.isWildcard {
                hasWildcard = true
                continue
            }
            let uri = try located { () throws(MessageDefect) in try view.uri(address.uri) }
            let start = parameters.count
            let own = try readParameters(view, address)
            if count > contactLimit {
                refusal = .tooMany
            } else if Int(address.uri.count) + parameters.count - start > fieldLimit || hasTooManyParts(uri, view) {
                refusal = .tooLong
            }
            let requested = own.expires ?? general ?? configuration.defaultExpires
            let granted = configuration.grantedExpires(requested)
            if granted == nil, refusal == nil { refusal = .tooBrief }
            if own.identity.isFlow, !outbound.isPossible, outbound.isOffered, refusal == nil {
                refusal = .firstHopLacksOutbound
            }
            let isFlow = own.identity.isFlow && outbound.isPossible
            if granted != 0 {
                present += 1
                hasFlow = hasFlow || isFlow
                if hasFlow, present > 1, refusal == nil { refusal = .severalFlows }
            }
            guard refusal == nil, let granted else { continue }
            ends.append(parameters.count)
            var push = PushContact(view, uri)
            push?.refreshesItself = view.parameters(address.parameters).first("+sip.pnsreg") != nil
            plan.changes.append(
                Registration.Change(
                    contact: view.bytes(address.uri), parameters: UnsafeRawBufferPointer(start: nil, count: 0),
                    preference: own.preference, expires: granted, identity: own.identity, isFlow: isFlow,
                    isBehindNAT: detection.isBehindNAT(uri, view), push: push, hasFlow: uri.isSIP))
        }
        if hasWildcard {
            guard count == 1 else { throw Self.defect("Contact * Must Stand Alone") }
            guard general == 0 else { throw Self.defect("Contact * Needs Expires 0") }
            return .removesAll
        }
        guard count > 0 else { throw Self.defect("Contact Is Empty") }
        if let refusal { return refusal }
        attachParameters(&plan)
        return .changes
    }

    /// Whether a URI has more parameters and headers than are compared within bounds.
    private func hasTooManyParts(_ uri: URIIndex, _ view: MessageView) -> Bool {
        if uri.parameters.isEmpty && uri.headers.isEmpty { return false }
        let parameters = view.bytes(uri.parameters).count { $0 == UInt8(ascii: ";") }
        let headers = view.bytes(uri.headers).count { $0 == UInt8(ascii: "&") }
        return parameters + headers > RegistrarConfiguration.largestPartCount
    }

    /// Gives each change its parameters, now that their memory moves no more.
    private func attachParameters(_ plan: inout RegistrationPlan) {
        let bytes = parameters.bytes
        var start = 0
        for (index, end) in ends.enumerated() {
            if end > start {
                plan.changes[index].parameters = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            }
            start = end
        }
    }

    /// Takes `q` and `expires` out of the parameters of a contact and copies the others as they are.
    ///
    /// The address was parsed, so that the parameters keep to the grammar: nothing but quotes hides a ";".
    private mutating func readParameters(
        _ view: MessageView, _ address: AddressIndex
    ) throws(MessageDefect) -> (preference: UInt16, expires: UInt32?, identity: FlowIdentity) {
        var identity = FlowIdentity.none
        var preference = Preference.absent
        var expires: UInt32?
        var rest = ParameterRuns(view.bytes(address.parameters))
        while let run = rest.next() {
            if run.hasName("expires") {
                if expires == nil { expires = Self.expires(run.value) }
            } else if run.hasName("q") {
                guard let value = Preference.parse(run.value) else { throw Self.defect("Malformed q Of Contact") }
                if preference == Preference.absent { preference = value }
            } else if run.hasName("pub-gruu") || run.hasName("temp-gruu") {
                // GRUUs are the registrar's to give (RFC 5627 §5.1).
                continue
            } else if !run.whole.isEmpty {
                identity.take(run)
                parameters.append(UInt8(ascii: ";"))
                parameters.append(unfolded: run.whole)
            }
        }
        return (preference, expires, identity)
    }

    /// The seconds of an expiration: numbers above 2**32-1 are that, and what is no number is an hour (RFC 3261 §10.2).
    private static func expires(_ text: UnsafeRawBufferPointer) -> UInt32 {
        guard !text.isEmpty else { return RegistrarConfiguration.malformedExpires }
        var value: UInt64 = 0
        for byte in text {
            guard byte &- UInt8(ascii: "0") < 10 else { return RegistrarConfiguration.malformedExpires }
            value = min(value &* 10 &+ UInt64(byte &- UInt8(ascii: "0")), UInt64(UInt32.max))
        }
        return UInt32(value)
    }

    private static func defect(_ reason: StaticString) -> MessageDefect {
        MessageDefect(.headerValue, reason, header: .contact)
    }

    /// Says of a defect that it is in Contact.
    private func located<Result>(_ body: () throws(MessageDefect) -> Result) throws(MessageDefect) -> Result {
        do throws(MessageDefect) {
            return try body()
        } catch {
            var found = error
            found.header = .contact
            throw found
        }
    }
}
