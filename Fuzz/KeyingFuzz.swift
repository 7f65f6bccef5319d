// targets: SDP

import SDP

/// Reads the bytes as the value of each attribute that has to do with keys, and checks that what is understood is written so that it is
/// understood again. Nothing that is printed may hold a key.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKeying(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let value = ByteString(UnsafeBufferPointer(start: data, count: count)) else { return 0 }
    if let crypto = CryptoAttribute(value) { exercise(crypto) }
    if let fingerprint = Fingerprint(value) {
        check(fingerprint.octets.count == fingerprint.hash.length, "a hash has not its length")
        check(fingerprint.attribute.value.flatMap(Fingerprint.init) == fingerprint, "a fingerprint is not read back")
    }
    if let setup = SetupRole(value) {
        check(setup.attribute.value.flatMap(SetupRole.init) == setup, "a role is not read back")
        for role in HandshakeRole.allCases { _ = HandshakeRole.answering(setup, keeping: role) }
    }
    if let name = TLSIdentifier(value) { check(name.attribute.value == value, "a name is not as it was") }
    return 0
}

private func exercise(_ crypto: CryptoAttribute) {
    check(!crypto.keys.isEmpty && crypto.keys.count <= CryptoAttribute.maximumKeys, "the number of keys")
    for key in crypto.keys {
        check(key.keyAndSalt.count == crypto.suite.keyLength + crypto.suite.saltLength, "a key has not its length")
        check(key.identifier.count <= InlineKey.maximumIdentifierLength, "an identifier is too long")
        check(
            (key.lifetime ?? 1) > 0 && (key.lifetime ?? 1) <= CryptoSuite.maximumLifetime, "a lifetime is out of bounds"
        )
        check(key.description.utf8.count < 80, "a key is described at length")
    }
    guard let written = crypto.attribute.value, let again = CryptoAttribute(written) else {
        fatalError("a line is not read back")  // This is how libFuzzer is told.
    }
    check(
        again.tag == crypto.tag && again.suite == crypto.suite && again.keys == crypto.keys
            && again.keyDerivationRate == crypto.keyDerivationRate && again.windowSizeHint == crypto.windowSizeHint,
        "a line is read back as another")
}
