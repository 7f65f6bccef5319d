import Routing
import SIP
import SIPEndpoint

/// What the server has seen of the dialog of an anchored call, so that it can end it in place of its ends (RFC 3261 §12).
struct ObservedDialog {
    /// The most octets that are kept of one dialog: names, contacts and ways. One that has more is not ended by the server.
    static let limit = 4_096

    private var caller: DialogEnding.End
    private var callee: DialogEnding.End
    /// Whether the ACK of the 2xx has passed: no BYE overtakes it (RFC 3261 §15).
    private(set) var isAcknowledged = false
    private var isTooLong = false

    /// Begins with the INVITE that is about to be forwarded.
    init(_ invite: MessageView, arrival: Flow, departure: Flow) {
        caller = DialogEnding.End(
            address: [], target: invite.contactURI, sequence: (try? invite.cSeq.number) ?? 0,
            recordRoutes: invite.recordRoutes, flow: arrival)
        callee = DialogEnding.End(address: [], target: [], sequence: 0, recordRoutes: [], flow: departure)
        bound()
    }

    /// Takes a 2xx to the INVITE that began it.
    mutating func answered(_ response: MessageView) {
        guard !isTooLong, callee.address.isEmpty, let from = response.value(of: .from),
            let to = response.value(of: .to)
        else { return }
        caller.address = response.array(from)
        callee.address = response.array(to)
        callee.target = response.contactURI
        callee.recordRoutes = response.recordRoutes
        bound()
    }

    /// Takes note of a request of an end.
    mutating func note(_ request: MessageView, from side: RelaySide) {
        if request.method == .ack {
            isAcknowledged = true
        } else if let number = try? request.cSeq.number {
            self[side].sequence = max(self[side].sequence, number)
        }
    }

    /// Takes the Contact of a request that was accepted, or of the 2xx that accepts it (RFC 3261 §12.2, RFC 6141 §4).
    mutating func refresh(_ side: RelaySide, by message: MessageView) {
        let target = message.contactURI
        guard !target.isEmpty, !isTooLong else { return }
        self[side].target = target
        bound()
    }

    /// What ends the dialog; nil while it was not answered, or when it is too long to be kept.
    func ending(_ callID: [UInt8], _ cause: DialogEnding.Cause) -> DialogEnding? {
        guard !callee.address.isEmpty else { return nil }
        return DialogEnding(cause: cause, callID: callID, caller: caller, callee: callee)
    }

    /// Lets go of what is too long.
    private mutating func bound() {
        guard caller.size + callee.size > Self.limit else { return }
        isTooLong = true
        for side in RelaySide.allCases {
            self[side].address = []
            self[side].target = []
            self[side].recordRoutes = []
        }
    }

    private subscript(side: RelaySide) -> DialogEnding.End {
        get { side == .caller ? caller : callee }
        set { if side == .caller { caller = newValue } else { callee = newValue } }
    }
}

extension DialogEnding.End {
    fileprivate var size: Int { address.count + target.count + recordRoutes.reduce(0) { $0 + $1.count } }
}

extension MessageView {
    /// The URI of the first Contact; empty when there is none.
    fileprivate var contactURI: [UInt8] {
        var values = values(of: .contact)
        guard let value = values.next(), let address = try? address(value), !address.isWildcard else { return [] }
        return array(address.uri)
    }

    /// The values of Record-Route.
    fileprivate var recordRoutes: [[UInt8]] { values(of: .recordRoute).map { array($0) } }
}
