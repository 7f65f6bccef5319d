// targets: SIP

#if canImport(SIP)
    import SIP
#endif

/// Parses the bytes as a URI, as an address and as an IP literal, and compares what was made of them. libFuzzer calls it;
/// what it finds is a trap or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzURI(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    if let uri = try? URI(bytes) { checkURI(uri, bytes) }
    let text = String(decoding: bytes, as: UTF8.self)
    if let address = try? NameAddress(text) { checkAddress(address) }
    if let literal = AddressLiteral(text) {
        check(AddressLiteral(literal.description) == literal, "an address is not read as it was written")
    }
    if let type = try? MediaType(text) {
        check((try? MediaType(type.description)) == type, "a media type is not read as it was written")
    }
    if let date = SIPDate(text) {
        check(SIPDate(date.description) == date, "a date is not read as it was written")
    }
    check(URI.unescape(URI.escape(text)) == text, "an escaped text is another")
    _ = (Method(text), OptionTag(text), HeaderName(text))
    return 0
}

private func checkURI(_ uri: URI, _ bytes: [UInt8]) {
    check(uri.bytes == bytes, "a URI is not kept as it came")
    for range in [uri.index.user, uri.index.password, uri.index.host, uri.index.parameters, uri.index.headers] {
        check(range.upperBound <= bytes.count, "a part ends outside of the URI")
    }
    check(uri.isEquivalent(to: uri), "a URI is not equivalent to itself")
    guard uri.scheme == .sip || uri.scheme == .sips else { return }
    check(!uri.host.isEmpty, "a SIP URI has no host")
    guard let again = try? URI(uri.addressOfRecord) else {
        fatalError("the address of record \(uri.addressOfRecord) is no URI")  // This is how libFuzzer is told.
    }
    check(again.addressOfRecord == uri.addressOfRecord, "the address of record is not canonical")
    _ = (uri.transport, uri.port, uri.password, uri.parameters, uri.headers, uri.parameter("lr"))
}

private func checkAddress(_ address: NameAddress) {
    guard let again = try? NameAddress(address.description) else {
        fatalError("\(address.description) is no address")  // This is how libFuzzer is told.
    }
    check(again.uri == address.uri, "an address has another URI when it is written and read")
    check(again.displayName == address.displayName, "an address has another name when it is written and read")
    check(again.tag == address.tag, "an address has another tag when it is written and read")
}
