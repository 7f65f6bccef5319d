// A redirect server without any state (RFC 3261 §8.2.7, §8.3): tells every caller to try the same user at another host, and
// answers OPTIONS itself.
//
//     StatelessRedirect 127.0.0.1:5080 example.com

import Foundation
import Reactor
import SIP
import SIPEndpoint

/// Takes all requests of one lane; called there only, and must not block.
final class Redirect: RequestHandler {
    private let host: [UInt8]

    init(to host: String) { self.host = Array(host.utf8) }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let view = request.view
        // An ACK has no answer, and a stateless server has nothing to do with it.
        guard view.method != .ack else { return }
        if let defect = view.validate() { return layer.reject(request, defect) }
        if view.method == .options {
            return layer.respondStatelessly(to: request, 200) { $0.append("Allow: INVITE, OPTIONS\r\n") }
        }
        guard let uri = try? view.requestURI, uri.isSIP, !uri.user.isEmpty else {
            return layer.respondStatelessly(to: request, 404)
        }
        layer.respondStatelessly(to: request, 302) { header in
            header.append("Contact: <sip:")
            header.append(view.bytes(uri.user))
            header.append("@")
            header.append(self.host)
            header.append(">\r\n")
        }
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {
        layer.respondStatelessly(to: request, 481)
    }

    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let address = TransportAddress(arguments[1], defaultPort: 5_060), let host = arguments.last
else {
    print("usage: StatelessRedirect ADDRESS:PORT HOST")
    exit(2)
}
var configuration = SIPEndpoint.Configuration()
configuration.listeners = [.init(.udp, address)]
let endpoint = try await SIPEndpoint(configuration) { _ in Redirect(to: host) }
print("ready udp://\(endpoint.listeners[0].address)")
while true {
    try await Task.sleep(for: .seconds(10))
    let counters = await endpoint.counters()
    print("\(counters.requestsReceived) requests, \(counters.responsesSent) answers, \(counters.malformed) malformed")
}
