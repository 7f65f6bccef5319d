import Reactor
import SIP

// What client transactions send: requests with our Via and its branch (RFC 3261 §18.1.1), and what is derived from an INVITE, ACK
// (§17.1.1.3) and CANCEL (§9.1).
extension TransactionLayer {
    /// What our Via says beyond the way and the transaction.
    struct ViaExtras {
        /// Whether we have chosen the way, and not who connected to us.
        var isOfOurs = false
        /// Whether the server may say how much is sent to it (RFC 7339 §5.1).
        var offersOverloadControl = false
    }

    /// Writes a request with our Via into `scratch`.
    func writeRequest(
        _ flow: Flow, _ token: UInt64, _ suffix: UInt64, _ extras: ViaExtras,
        _ write: (inout ByteWriter, UnsafeRawBufferPointer, Flow) -> Void
    ) {
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { memory in
            var via = ByteWriter(into: memory)
            via.append("Via: ")
            writeVia(flow, token, suffix, into: &via)
            if extras.isOfOurs, offersAlias(flow) { via.append(";alias") }
            if extras.offersOverloadControl {
                via.append(configuration.overload.offersRate ? ";oc;oc-algo=\"loss,rate\"" : ";oc;oc-algo=\"loss\"")
            }
            via.append("\r\n")
            scratch.removeAll()
            write(&scratch, via.bytes, flow)
        }
    }

    /// Whether the other side may send its own requests by a connection that we have opened (RFC 5923 §8.1): where we listen
    /// for TLS we have a certificate, which proves to it who we are.
    private func offersAlias(_ flow: Flow) -> Bool {
        flow.transport == .tls && listeners[Int(flow.listener)].isAccepting
    }

    private func writeVia(_ flow: Flow, _ token: UInt64, _ suffix: UInt64, into writer: inout ByteWriter) {
        writer.append("SIP/2.0/")
        writer.append(flow.transport.text)
        writer.append(0x20 as UInt8)
        writer.append(listeners[Int(flow.listener)].advertised)
        writer.append(";rport;branch=")
        writer.append(Branch.magicCookie)
        writer.append(hexadecimal: bootIdentifier)
        writer.append(hexadecimal: token)
        if suffix != 0 {
            writer.append(UInt8(ascii: "."))
            writer.append(hexadecimal: suffix)
        }
    }

    /// The token in a branch of ours, nil in another's.
    func token(of branch: UnsafeRawBufferPointer) -> UInt64? {
        let cookie = Branch.magicCookie.utf8CodeUnitCount
        guard branch.count >= cookie + 32, Branch.hasMagicCookie(branch) else { return nil }
        guard Self.hexadecimal(branch, cookie) == bootIdentifier else { return nil }
        return Self.hexadecimal(branch, cookie + 16)
    }

    private static func hexadecimal(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt64? {
        var value: UInt64 = 0
        for i in start..<start + 16 {
            let byte = bytes[i]
            let digit: UInt8
            if byte &- 0x30 < 10 {
                digit = byte &- 0x30
            } else {
                let small = byte | 0x20
                guard small >= 0x61, small <= 0x66 else { return nil }
                digit = small &- 0x57
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// The ACK to a final response other than 2xx (RFC 3261 §17.1.1.3).
    func buildAck(_ transaction: ClientTransaction, _ response: MessageView) {
        transaction.ack = derived(transaction, method: "ACK", to: response)
    }

    /// Makes CANCEL or ACK of an INVITE: its Request-URI, topmost Via, From, Call-ID, Route; To as given.
    func derived(_ transaction: ClientTransaction, method: StaticString, to response: MessageView?) -> [UInt8] {
        guard let invite = try? Message(transaction.request) else { return [] }
        scratch.removeAll()
        invite.withView { view in
            scratch.append(method)
            scratch.append(0x20 as UInt8)
            scratch.append(view.bytes(view.startLine.uriRange))
            scratch.append(" SIP/2.0\r\nVia: ")
            var vias = view.values(of: .via)
            if let top = vias.next() { scratch.append(view.bytes(top)) }
            scratch.append("\r\n")
            for i in 0..<view.fieldCount {
                let field = view.field(i)
                switch field.name {
                case .route, .from, .callID, .maxForwards:
                    scratch.append(field.name.canonical)
                    scratch.append(": ")
                    scratch.append(view.bytes(field.valueRange))
                    scratch.append("\r\n")
                case .to:
                    scratch.append("To: ")
                    if let response, let to = response.value(of: .to) {
                        scratch.append(response.bytes(to))
                    } else {
                        scratch.append(view.bytes(field.valueRange))
                    }
                    scratch.append("\r\n")
                case .cSeq:
                    scratch.append("CSeq: ")
                    if let cSeq = try? view.cSeq { scratch.append(decimal: UInt64(cSeq.number)) }
                    scratch.append(0x20 as UInt8)
                    scratch.append(method)
                    scratch.append("\r\n")
                default: continue
                }
            }
            scratch.append("Content-Length: 0\r\n\r\n")
        }
        return scratch.array
    }
}
