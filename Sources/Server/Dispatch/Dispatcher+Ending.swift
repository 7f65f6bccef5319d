import Proxy
import Routing
import SIP
import SIPEndpoint

// Calls that the server ends, since their media is over.
extension Dispatcher {
    /// Sends BYE both ways of a dialog.
    func end(_ ending: DialogEnding) {
        guard let layer else { return }
        for toCaller in [true, false] {
            guard let message = proxy.goodbye(ending, toCaller: toCaller, layer) else { continue }
            let arrival = (toCaller ? ending.callee : ending.caller).flow
            guard let targets = message.withView({ targetsOfDialog($0, layer) }) else { continue }
            proxy.send(message, to: targets, arrival: arrival, in: layer)
        }
    }

    /// Where a request in a dialog goes; empty when that is where its Request-URI and Route say, nil when nowhere.
    private func targetsOfDialog(_ view: MessageView, _ layer: TransactionLayer) -> [ProxyTarget]? {
        guard let plan = try? proxy.plan(view, layer) else { return nil }
        switch dialogTarget(view, plan) {
        case .none: return registeredTarget(view, plan).map { [$0] } ?? []
        case .contacts(let found): return found
        case .unreachable: return nil
        }
    }
}
