// targets: SIP ICE
// sources: Sources/Registrar/Contact/*.swift Sources/Registrar/Outbound/*.swift Sources/Registrar/Flow/NATDetection.swift Sources/Registrar/Flow/FlowCode.swift Sources/Registrar/GRUU/GRUUWriter.swift Sources/Registrar/GRUU/TemporaryGRUU.swift Sources/Registrar/Push/PushContact.swift Sources/Registrar/Push/RegistrationReference.swift Sources/Registrar/RegistrarConfiguration.swift Sources/Registrar/WallTime.swift Sources/Registrar/Table/Registration.swift Sources/Registrar/Table/RegistrationPlan.swift Sources/Registrar/Table/StoredBinding.swift Sources/Registrar/Table/AddressEntry.swift Sources/Routing/Push/PushTarget.swift Sources/Proxy/PreloadedRoute.swift Sources/SIPEndpoint/Transaction/TransactionUser.swift Sources/SIPEndpoint/Transport/Flow.swift Sources/Reactor/Address/TransportAddress.swift Sources/Reactor/Address/TransportAddress+Text.swift Sources/Reactor/Address/TransportAddress+Parsing.swift
// empty: Reactor Routing SIPEndpoint

import SIP

// What stands in the declarations of the layer below, and is called by nothing here.
public final class TransactionLayer {}
public final class ServerTransaction {}
public final class ClientTransaction {}

private let gruus = TemporaryGRUU(key: SipHash(key: 1, 2))
private let references = RegistrationReference(key: SipHash(key: 1, 2))

/// Reads the bytes as a temporary GRUU, as an instance and the `gr` that names it, as a reference to a registration, or as a contact
/// that asks for push notifications; the first byte chooses. libFuzzer calls it; what it finds is a trap, a read outside of the
/// buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGRUU(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let value = Array(bytes.dropFirst())
    switch first % 4 {
    case 0: readForged(value)
    case 1: readSealed(value)
    case 2: nameInstance(value)
    default: readPush(value)
    }
    return 0
}

/// Nobody without the keys can make one.
private func readForged(_ value: [UInt8]) {
    let prefix = Array("tgruu.".utf8)
    for text in [value, prefix + value] {
        text.withUnsafeBytes { text in
            check(gruus.read(text) == nil, "a GRUU was made without its key")
            check(references.read(text) == nil, "a reference was made without its key")
        }
    }
}

/// A GRUU that says what the first bytes are, with one of its characters changed to the last byte.
private func readSealed(_ value: [UInt8]) {
    guard value.count >= 22 else { return }
    func number(_ range: Range<Int>) -> UInt64 { value[range].reduce(0) { $0 << 8 | UInt64($1) } }
    let content = TemporaryGRUU.Content(
        shard: value[0], tag: UInt32(truncatingIfNeeded: number(1..<5)), mark: number(5..<10))
    let unique = (number(10..<18), UInt16(truncatingIfNeeded: number(18..<20)))
    var writer = ByteWriter()
    gruus.write(content, number: unique, into: &writer)
    var text = writer.array
    check(text.count == TemporaryGRUU.length, "a GRUU is longer or shorter than others")
    check(text.withUnsafeBytes { gruus.read($0) } == content, "a GRUU is not read as it was written")
    check(text.withUnsafeBytes { references.read($0) } == nil, "a GRUU is taken for a reference")
    let place = Int(value[20]) % text.count
    let isChanged = text[place] != value[21]
    text[place] = value[21]
    check((text.withUnsafeBytes { gruus.read($0) } == nil) == isChanged, "a changed GRUU is taken")
}

/// An instance as it stands in `+sip.instance`, and as `gr` has it.
private func nameInstance(_ value: [UInt8]) {
    value.withUnsafeBytes { value in
        var writer = ByteWriter()
        InstanceName.write(value, into: &writer)
        let gr = writer.array
        gr.withUnsafeBytes { gr in
            check(InstanceName.isSame(gr, value), "an instance is not known by its GRUU")
            _ = InstanceName.isSame(value, gr)
        }
        let urn = InstanceName.urn(value)
        check(urn.count <= value.count && gr.count <= 3 * urn.count, "a name has grown")
        if !gr.isEmpty {
            let uri = Array("sip:a@b;gr=".utf8) + gr
            check((try? URI(uri))?.parameter("gr") != nil, "a public GRUU is no URI")
        }
        _ = gruus.mark(instance: value, generation: UInt32(truncatingIfNeeded: value.count))
    }
}

private func readPush(_ value: [UInt8]) {
    let wanted = Array("sip:a@b;pn-provider=".utf8) + value
    for contact in [value, wanted] {
        let target = PushTarget(contact: contact)
        if let target { check(!target.provider.isEmpty && !target.resourceID.isEmpty, "nobody is to be woken") }
        let mark = contact.withUnsafeBytes { references.mark(contact: $0) }
        check((mark == nil) == (target == nil), "a contact without a target has a mark")
        guard let mark else { continue }
        check(mark >> 40 == 0, "a mark is longer than 40 bits")
        var writer = ByteWriter()
        let content = TemporaryGRUU.Content(shard: 1, tag: 2, mark: mark)
        references.write(content, number: (3, 4), into: &writer)
        check(
            writer.array.withUnsafeBytes { references.read($0) } == content, "a reference is not read as it was written"
        )
    }
}
