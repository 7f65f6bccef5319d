import Reactor
import SIP

/// Writes the requests of the load generator.
struct LoadText {
    /// For how long users register, in seconds.
    static let expires = 3_600

    private let domain: [UInt8]
    private let transport: TransportName
    /// In the names of hosts, so that no two runs have one.
    private let run = UInt64.random(in: 0 ... .max)

    init(_ plan: LoadPlan) {
        transport = plan.transport
        domain = Array((plan.domain.isEmpty ? plan.target.description : plan.domain).utf8)
    }

    private func writeUser(_ user: UInt32, into writer: inout ByteWriter) {
        writer.append("sip:load")
        writer.append(decimal: UInt64(user))
        writer.append(UInt8(ascii: "@"))
        writer.append(domain)
    }

    /// Writes where a path comes from; WebSocket has an invented host for that (RFC 7118 §5.2.1).
    private func writeHost(_ path: LoadPath, into writer: inout ByteWriter) {
        guard transport == .ws || transport == .wss else { return writer.append(path.local) }
        writer.append("load")
        writer.append(decimal: UInt64(path.index))
        writer.append(UInt8(ascii: "-"))
        writer.append(hexadecimal: run)
        writer.append(".invalid")
    }

    /// Writes the rest of a Contact URI, behind `@`, and its end.
    func writeContactHost(_ path: LoadPath, into writer: inout ByteWriter) {
        writeHost(path, into: &writer)
        if transport != .udp {
            writer.append(";transport=")
            writer.append(transport.parameterText)
        }
        writer.append(">\r\n")
    }

    private func writeVia(_ number: UInt64, _ path: LoadPath, into writer: inout ByteWriter) {
        writer.append("Via: SIP/2.0/")
        writer.append(transport.text)
        writer.append(0x20 as UInt8)
        writeHost(path, into: &writer)
        writer.append(";branch=z9hG4bKld")
        writer.append(hexadecimal: number)
        writer.append("\r\nMax-Forwards: 70\r\n")
    }

    /// The number in a branch of ours.
    static func number(_ branch: UnsafeRawBufferPointer) -> UInt64? {
        guard branch.count == 25 else { return nil }
        var value: UInt64 = 0
        for byte in branch[9...] {
            let digit = byte &- 0x30 < 10 ? byte &- 0x30 : (byte | 0x20) &- 0x57
            guard digit < 16 else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// Writes the first request of an operation.
    func write(_ slot: LoadSession.Slot, from path: LoadPath, into writer: inout ByteWriter) {
        switch slot.stage {
        case .asking: writeOptions(slot, path, into: &writer)
        case .inviting: writeInvite(slot, path, into: &writer)
        default: writeRegister(slot, path, credentials: nil, into: &writer)
        }
    }

    private func writeOptions(_ slot: LoadSession.Slot, _ path: LoadPath, into writer: inout ByteWriter) {
        writer.append("OPTIONS sip:")
        writer.append(domain)
        writer.append(" SIP/2.0\r\n")
        writeVia(slot.number, path, into: &writer)
        writer.append("From: <")
        writeUser(slot.user, into: &writer)
        writer.append(">;tag=ld")
        writer.append(hexadecimal: slot.number)
        writer.append("\r\nTo: <sip:")
        writer.append(domain)
        writer.append(">\r\nCall-ID: ")
        writer.append(hexadecimal: slot.number)
        writer.append("@load\r\nCSeq: 1 OPTIONS\r\nContact: <sip:load@")
        writeContactHost(path, into: &writer)
        writer.append("User-Agent: ito load\r\nContent-Length: 0\r\n\r\n")
    }

    private func writeRegister(
        _ slot: LoadSession.Slot, _ path: LoadPath, credentials: [UInt8]?, into writer: inout ByteWriter
    ) {
        writer.append("REGISTER sip:")
        writer.append(domain)
        writer.append(" SIP/2.0\r\n")
        writeVia(slot.number, path, into: &writer)
        writer.append("From: <")
        writeUser(slot.user, into: &writer)
        writer.append(">;tag=ld")
        writer.append(hexadecimal: slot.number)
        writer.append("\r\nTo: <")
        writeUser(slot.user, into: &writer)
        writer.append(">\r\nCall-ID: reg-")
        writer.append(decimal: UInt64(slot.user))
        writer.append("-load\r\nCSeq: ")
        writer.append(decimal: UInt64(slot.sequence))
        writer.append(" REGISTER\r\nContact: <sip:load")
        writer.append(decimal: UInt64(slot.user))
        writer.append(UInt8(ascii: "@"))
        writeContactHost(path, into: &writer)
        writer.append("Expires: ")
        writer.append(decimal: UInt64(slot.expires))
        writer.append("\r\n")
        if let credentials {
            writer.append("Authorization: ")
            writer.append(credentials)
            writer.append("\r\n")
        }
        writer.append("User-Agent: ito load\r\nContent-Length: 0\r\n\r\n")
    }

    private func writeInvite(_ slot: LoadSession.Slot, _ path: LoadPath, into writer: inout ByteWriter) {
        writer.append("INVITE ")
        writeUser(slot.user, into: &writer)
        writer.append(" SIP/2.0\r\n")
        writeVia(slot.number, path, into: &writer)
        writer.append("From: <sip:caller@load.invalid>;tag=ld")
        writer.append(hexadecimal: slot.number)
        writer.append("\r\nTo: <")
        writeUser(slot.user, into: &writer)
        writer.append(">\r\nCall-ID: ")
        writer.append(hexadecimal: slot.number)
        writer.append("@load\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@")
        writeContactHost(path, into: &writer)
        writer.append("User-Agent: ito load\r\nContent-Type: application/sdp\r\nContent-Length: ")
        writer.append(decimal: Self.offer.utf8CodeUnitCount)
        writer.append("\r\n\r\n")
        writer.append(Self.offer)
    }

    private static let offer: StaticString = """
        v=0\r
        o=load 1 1 IN IP4 127.0.0.1\r
        s=-\r
        c=IN IP4 127.0.0.1\r
        t=0 0\r
        m=audio 40000 RTP/AVP 0 8 101\r
        a=rtpmap:0 PCMU/8000\r
        a=rtpmap:8 PCMA/8000\r
        a=rtpmap:101 telephone-event/8000\r
        a=fmtp:101 0-16\r
        a=sendrecv\r

        """

    /// Writes a request in the dialog of a 200: route set reversed, to the remote target (RFC 3261 §12.2.1.1).
    func writeInDialog(
        _ method: StaticString, _ view: MessageView, number: UInt64, from path: LoadPath,
        into writer: inout ByteWriter
    ) {
        guard let contact = try? view.single(.contact), let from = view.value(of: .from), let to = view.value(of: .to),
            let callID = view.value(of: .callID), let cSeq = try? view.cSeq
        else { return }
        writer.append(method)
        writer.append(0x20 as UInt8)
        writer.append(view.bytes(contact.uri))
        writer.append(" SIP/2.0\r\n")
        writeVia(number, path, into: &writer)
        for route in Array(view.values(of: .recordRoute)).reversed() {
            writer.append("Route: ")
            writer.append(view.bytes(route))
            writer.append("\r\n")
        }
        writer.append("From: ")
        writer.append(view.bytes(from))
        writer.append("\r\nTo: ")
        writer.append(view.bytes(to))
        writer.append("\r\nCall-ID: ")
        writer.append(view.bytes(callID))
        writer.append("\r\nCSeq: ")
        writer.append(decimal: UInt64(cSeq.number) + (method.utf8Start[0] == UInt8(ascii: "B") ? 1 : 0))
        writer.append(0x20 as UInt8)
        writer.append(method)
        writer.append("\r\nContent-Length: 0\r\n\r\n")
    }

    /// The Request-URI of REGISTER.
    var registrar: [UInt8] { Array("sip:".utf8) + domain }

    /// Makes a REGISTER with credentials; nil when they cannot be made.
    func authorized(
        _ slot: LoadSession.Slot, by credentials: inout LoadCredentials, hash: DigestHash, from path: LoadPath
    ) -> [UInt8]? {
        var value = ByteWriter(capacity: 512)
        guard credentials.write(hash, into: &value) else { return nil }
        var writer = ByteWriter(capacity: 1_024)
        writeRegister(slot, path, credentials: value.array, into: &writer)
        return writer.overflowed ? nil : writer.array
    }
}
