// targets: SIP ICE
// sources: Sources/Registrar/Contact/*.swift Sources/Registrar/Outbound/*.swift Sources/Registrar/Flow/NATDetection.swift Sources/Registrar/Flow/FlowCode.swift Sources/Registrar/GRUU/GRUUWriter.swift Sources/Registrar/GRUU/TemporaryGRUU.swift Sources/Registrar/Push/PushContact.swift Sources/Registrar/Push/RegistrationReference.swift Sources/Registrar/RegistrarConfiguration.swift Sources/Registrar/WallTime.swift Sources/Registrar/Table/Registration.swift Sources/Registrar/Table/RegistrationPlan.swift Sources/Registrar/Table/StoredBinding.swift Sources/Registrar/Table/AddressEntry.swift Sources/Routing/Push/PushTarget.swift Sources/Proxy/PreloadedRoute.swift Sources/SIPEndpoint/Transaction/TransactionUser.swift Sources/SIPEndpoint/Transport/Flow.swift Sources/Reactor/Address/TransportAddress.swift Sources/Reactor/Address/TransportAddress+Text.swift Sources/Reactor/Address/TransportAddress+Parsing.swift
// empty: Reactor Routing SIPEndpoint

import SIP

// What stands in the declarations of the layer below, and is called by nothing here.
public final class TransactionLayer {}
public final class ServerTransaction {}
public final class ClientTransaction {}

/// Reads the bytes as the contacts, the Path or the URIs of a REGISTER; the first byte chooses. libFuzzer calls it; what it finds is a
/// trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRegistration(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let value = Array(bytes.dropFirst())
    switch first % 5 {
    case 0: readContacts(value, more: "Supported: path, outbound\r\n")
    case 1:
        readContacts(
            value, more: "Path: <sip:edge;lr;ob>\r\nVia: SIP/2.0/UDP phone\r\nSupported: outbound\r\nExpires: 7\r\n")
    case 2: readPath(value)
    case 3: compareURIs(value)
    default: readRuns(value)
    }
    return 0
}

private let limit = 1_024

private func request(_ fields: [UInt8], _ body: (MessageView) -> Void) {
    let head = "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
    guard let message = try? Message(Array(head.utf8) + fields + Array("\r\n\r\n".utf8)) else { return }
    message.withView(body)
}

private func readContacts(_ value: [UInt8], more: String) {
    request(Array("\(more)Contact: ".utf8) + value) { view in
        guard let via = try? view.topVia else { return }
        let flow = Flow(
            transport: .udp, listener: 0, local: TransportAddress(ipv4: 1, port: 5_060),
            remote: TransportAddress(ipv4: 0xC000_0201, port: 5_060))
        let request = IncomingRequest(view: view, flow: flow, via: via, key: 0)
        var path = PathReader()
        var reader = ContactReader()
        var plan = RegistrationPlan()
        guard let list = try? path.read(view),
            let reading = try? reader.read(
                request, RegistrarConfiguration(), OutboundSupport(request, path: list), contactLimit: 10,
                fieldLimit: limit, into: &plan)
        else { return }
        guard case .changes = reading else { return }
        check((1...10).contains(plan.changes.count), "there are \(plan.changes.count) changes")
        for change in plan.changes { examine(change) }
        for one in plan.changes {
            for other in plan.changes {
                let (a, b) = (ContactURI(one.contact), ContactURI(other.contact))
                check(a.isEquivalent(to: b) == b.isEquivalent(to: a), "the order of two URIs counts")
            }
        }
    }
}

private func examine(_ change: Registration.Change) {
    check(!change.contact.isEmpty && change.contact.count + change.parameters.count <= limit, "a contact is too long")
    check(change.parameters.first.map { $0 == UInt8(ascii: ";") } ?? true, "parameters do not begin with their sign")
    check(!change.parameters.contains(13) && !change.parameters.contains(10), "parameters have line ends")
    check(change.preference <= 1_000 || change.preference == Preference.absent, "a preference is more than all")
    var runs = ParameterRuns(change.parameters)
    while let run = runs.next() {
        check(!run.hasName("q") && !run.hasName("expires"), "a parameter of the registrar's is kept")
        check(!run.hasName("pub-gruu") && !run.hasName("temp-gruu"), "a GRUU of the phone's is kept")
    }
    let identity = FlowIdentity(parameters: change.parameters)
    check(identity.registrationID == change.identity.registrationID, "a flow's number is not kept")
    check(
        identity.instance.elementsEqual(change.identity.instance) || change.parameters.contains(0x20),
        "an instance is not kept")
    FlowIdentity.withKey(contact: change.contact, parameters: change.parameters, isFlow: identity.isFlow) { key in
        check(!key.isEmpty, "a binding has no name")
    }
    _ = PushTarget(contact: Array(change.contact))
}

private func readPath(_ value: [UInt8]) {
    request(Array("Path: ".utf8) + value) { view in
        var reader = PathReader()
        guard let list = try? reader.read(view), !list.isEmpty else { return }
        check(PathReader.isSound(list), "a Path is kept that will not be taken back")
        check(PreloadedRoute(Array(list)) != nil, "a Path is kept that leads nowhere")
    }
}

/// Two contacts with a NUL between them; URIs that are none are compared with nothing.
private func compareURIs(_ value: [UInt8]) {
    let parts = value.split(separator: 0, maxSplits: 1).map(Array.init)
    guard parts.count == 2, parts.allSatisfy({ (try? URI($0)) != nil }) else { return }
    parts[0].withUnsafeBytes { first in
        parts[1].withUnsafeBytes { second in
            let (a, b) = (ContactURI(first), ContactURI(second))
            let areEquivalent = a.isEquivalent(to: b)
            check(areEquivalent == b.isEquivalent(to: a), "the order of two URIs counts")
            check(a.isEquivalent(to: ContactURI(first)) || !isPlain(first), "a URI is not itself")
        }
    }
}

/// Whether no parameter and no header can be there twice, by which a URI differs from itself.
private func isPlain(_ uri: UnsafeRawBufferPointer) -> Bool {
    uri.count { $0 == UInt8(ascii: ";") } + uri.count { $0 == UInt8(ascii: "?") } < 2
        && !uri.contains(UInt8(ascii: "&"))
}

private func readRuns(_ value: [UInt8]) {
    value.withUnsafeBytes { bytes in
        var runs = ParameterRuns(bytes)
        var length = 0
        var identity = FlowIdentity.none
        while let run = runs.next() {
            // What is between two semicolons, and one of these, is passed each time.
            length += run.whole.count + 1
            check(length <= bytes.count, "runs overlap")
            check(run.value.count < max(1, run.whole.count), "a value is longer than its parameter")
            identity.take(run)
        }
        check(identity.registrationID <= UInt32(Int32.max), "a flow's number is too high")
        _ = Preference.parse(bytes)
        FlowIdentity.withKey(contact: bytes, parameters: bytes, isFlow: true) { _ in }
    }
}
