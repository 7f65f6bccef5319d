import Reactor
public import Routing
public import SIP
public import SIPEndpoint

// Dialogs that the server ends by itself, with a BYE to each end in the name of the other (RFC 3261 §15.1.1).
extension Proxy {
    /// The BYE that an end of a dialog gets, as if the other had sent it and it had come as far as here.
    ///
    /// - Parameter toCaller: whether it is for the caller.
    /// - Returns: nil when this server is not on the way of the dialog, or that end has told no contact.
    public func goodbye(_ ending: DialogEnding, toCaller: Bool, _ layer: TransactionLayer) -> Message? {
        let (end, other) = toCaller ? (ending.caller, ending.callee) : (ending.callee, ending.caller)
        guard let uri = try? URI(end.target).asRequestURI else { return nil }
        for place in ending.callee.recordRoutes.indices {
            // The callee's side stands before us, in the order of the way back; the caller's behind us (RFC 3261 §12.1).
            let beyond =
                toCaller ? ending.caller.recordRoutes : ending.callee.recordRoutes[..<place].reversed()
            var builder = MessageBuilder(.bye, uri: uri)
            builder.add(.route, bytes: ending.callee.recordRoutes[place])
            for route in beyond { builder.add(.route, bytes: route) }
            builder.add(.from, bytes: other.address)
            builder.add(.to, bytes: end.address)
            builder.add(.callID, bytes: ending.callID)
            builder.add(.cSeq, "\(min(other.sequence, Self.lastSequence - 1) + 1) BYE")
            builder.add(.reason, "\(ending.cause.reason)")
            guard let message = try? builder.message() else { return nil }
            // Our own value says that this server let the dialog through, and the flows to its ends.
            if (try? plan(message.view, layer))?.token != nil { return message }
        }
        return nil
    }

    /// The largest CSeq (RFC 3261 §8.1.1.5).
    private static let lastSequence: UInt32 = 1 << 31 - 1

    /// Sends a request of the server's own in a dialog of others. What it is answered concerns nobody but the policy and the anchor.
    ///
    /// - Parameters:
    ///   - targets: the target set; empty when the request goes where its Request-URI and Route say.
    ///   - arrival: the flow to the end in whose name it is sent.
    public func send(_ message: Message, to targets: [ProxyTarget], arrival: Flow, in layer: TransactionLayer) {
        guard let plan = try? plan(message.view, layer) else { return }
        var directives = ForwardingDirectives()
        directives.followsRedirections = false
        let targets = targets.isEmpty ? [inDialogTarget(message.view, arrival, plan, layer)] : targets
        let context = ResponseContext(
            proxy: self, message: message, targets: targets, breadth: configuration.maxBreadth,
            loopHash: LoopDetection.hash(message.view, key: configuration.routeKey), strips: [],
            directives: directives, arrival: arrival)
        context.start(nil, plan, layer)
    }
}

extension DialogEnding.Cause {
    /// What the ends are told (RFC 3326 §2).
    var reason: Reason {
        switch self {
        case .silence: Reason(408, text: "Media time-out")
        case .insecurity: Reason(488, text: "Media encryption failed")
        }
    }
}
