import Reactor
import SIP
import SIPEndpoint

/// The best final response of a response context, and what is gathered from others (RFC 3261 §16.7 steps 6 and 7).
struct BestResponse {
    private var message: Message?
    private(set) var status: StatusCode = 0
    /// Whether a 503 is our own since a next hop has asked for less.
    private var isThrottled = false
    /// The challenges of the other 401 and 407, added to the one that is sent.
    private var challenges: [(name: HeaderName, value: [UInt8], from: StatusCode)] = []

    /// Whether nothing came yet.
    var isEmpty: Bool { status == 0 }

    /// Whether a 6xx has come: no further target is tried.
    var isGlobalFailure: Bool { status.category == 6 }

    /// Takes a response into account.
    mutating func add(_ view: MessageView) {
        let new = view.statusCode
        if new == 401 || new == 407 {
            for i in 0..<view.fieldCount {
                let field = view.field(i)
                if field.name == .wwwAuthenticate || field.name == .proxyAuthenticate {
                    challenges.append((field.name, view.array(field.valueRange), new))
                }
            }
        }
        guard isBetter(new) else { return }
        message = Message(copying: view)
        status = new
    }

    /// Takes a status of our own into account.
    ///
    /// - Parameter isThrottled: whether the request was not sent since the next hop has asked for less (RFC 7339 §5.10).
    mutating func add(local new: StatusCode, isThrottled: Bool = false) {
        guard isBetter(new) else { return }
        self.isThrottled = isThrottled
        message = nil
        status = new
    }

    /// 6xx before all; else the lowest class, and in 4xx those that tell the caller what to do (§16.7 step 6). A 503 or a
    /// 408 of our own is the last that anyone wants to hear.
    private func isBetter(_ new: StatusCode) -> Bool {
        status == 0 || Self.rank(new) < Self.rank(status)
    }

    private static func rank(_ status: StatusCode) -> Int {
        switch status.rawValue {
        case 600...699: 0
        case 300...399: 1
        case 401, 407, 415, 420, 484: 2
        case 408, 430, 487: 4
        case 400...499: 3
        case 503: 6
        default: 5
        }
    }

    /// Sends the best response back.
    ///
    /// - Parameters:
    ///   - isHome: whether the request was for a user of ours, whose flows nobody before us knows of.
    ///   - noAnswer: what stands for a time-out of a user of ours.
    ///   - further: header fields of a response of our own.
    ///   - edit: further edits of a response that came.
    func send(
        _ server: ServerTransaction, _ layer: TransactionLayer, isHome: Bool, noAnswer: StatusCode,
        further: [UInt8],
        edit: (MessageView, inout MessageEditor) -> Void
    ) {
        guard status != 0 else { return layer.respond(server, 480) { $0.append(further) } }
        // RFC 7339 §5.10: without Retry-After, as the next request may well get through.
        guard status != 503 || !isThrottled || message != nil else {
            return layer.respond(server, 503, reason: "The next hop is overloaded") { $0.append(further) }
        }
        // §16.7 step 6: a 503 concerns the hop that sent it and goes back as 500.
        guard status != 503 else {
            return layer.respond(server, 500, reason: "No next hop is available") { $0.append(further) }
        }
        // RFC 5626 §11.5: endpoints never receive a 430; all flows to the device have failed.
        guard status != 430 || !isHome else { return layer.respond(server, 480) { $0.append(further) } }
        guard let message else {
            return layer.respond(server, status == 408 && isHome ? noAnswer : status) { $0.append(further) }
        }
        let own = challenges
        message.withView { view in
            layer.respond(server, status: status) { writer in
                var editor = MessageEditor()
                editor.popFirstValue(.via, of: view)
                editor.setOverloadFeedback(layer.overloadFeedback(for: server), of: view)
                editor.completeLength(of: view, for: server.flow.transport)
                if status == 401 || status == 407 {
                    var present: [[UInt8]] = []
                    for i in 0..<view.fieldCount
                    where view.field(i).name == .wwwAuthenticate || view.field(i).name == .proxyAuthenticate {
                        present.append(view.array(view.field(i).valueRange))
                    }
                    for challenge in own where !present.contains(challenge.value) {
                        present.append(challenge.value)
                        editor.add(challenge.name, of: view) { $0.append(challenge.value) }
                    }
                }
                edit(view, &editor)
                editor.write(view, into: &writer)
            }
        }
    }
}
