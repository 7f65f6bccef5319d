// targets: SIP
// sources: Sources/Reactor/Stream/TLS/CertificateNames.swift Sources/Reactor/Address/TransportAddress.swift Sources/Reactor/Address/TransportAddress+Text.swift Sources/Reactor/Address/TransportAddress+Parsing.swift
// packages: SwiftASN1 NIOSSL X509

/// Why a certificate cannot be used.
public struct TLSConfigurationError: Error {
    init(_ reason: String) {}
}

/// Reads the names of a certificate: the bytes are the whole of it, or what stands in its subjectAltName, or its common name; the
/// first one chooses. libFuzzer calls it; what it finds is a trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCertificate(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let value = Array(bytes.dropFirst())
    let certificate =
        switch first % 5 {
        case 0: value
        case 1: Template.certificate(alternatives: value)
        // One name: an URI, a DNS name, an address.
        case 2: Template.certificate(alternatives: Template.field(0x86, value))
        case 3:
            Template.certificate(
                alternatives: Template.field(0x82, value) + Template.field(0x87, Array(value.prefix(16))))
        default: Template.certificate(commonName: value)
        }
    guard let names = try? CertificateNames(derEncoded: certificate) else { return 0 }
    check(names.isEmpty == (names.domains + names.users + names.addresses.map(\.ip)).isEmpty, "nobody is somebody")
    check(!names.description.isEmpty, "the names have no text")
    check(!names.prove(""), "a certificate proves nobody")
    for domain in names.domains {
        check(domain == domain.lowercased(), "a domain has capitals")
        // A dot at the end, and what reads as an address, are compared otherwise.
        if !domain.isEmpty, !domain.hasSuffix(".") {
            check(names.prove(domain), "a certificate does not prove \(domain)")
        }
    }
    for address in names.addresses {
        check(address.port == 0 && names.prove(address.ip), "a certificate does not prove \(address)")
    }
    for user in names.users {
        let at = user.lastIndex(of: "@")
        check(at.map { $0 > user.startIndex && user[$0...].utf8.count > 1 } ?? false, "a user or its domain is missing")
    }
    return 0
}

/// A certificate in DER form (RFC 5280 §4.1), signed by nobody.
private enum Template {
    /// A field with its tag and length.
    static func field(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count >= 128 else { return [tag, UInt8(content.count)] + content }
        let length = (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (24 - 8 * $0)) }.drop { $0 == 0 }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }

    private static func sequence(_ parts: [UInt8]...) -> [UInt8] { field(0x30, parts.flatMap { $0 }) }

    private static func identifier(_ bytes: UInt8...) -> [UInt8] { field(0x06, bytes) }

    /// A certificate whose subjectAltName holds some bytes, or one without it whose subject has a common name.
    static func certificate(alternatives: [UInt8]? = nil, commonName: [UInt8] = Array("a".utf8)) -> [UInt8] {
        let algorithm = sequence(identifier(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02))
        let name = sequence(field(0x31, sequence(identifier(0x55, 0x04, 0x03), field(0x0C, commonName))))
        let time = field(0x17, Array("250101000000Z".utf8))
        let curve = sequence(
            identifier(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01),
            identifier(0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07))
        var parts: [[UInt8]] = [
            field(0xA0, field(0x02, [2])), field(0x02, [1]), algorithm, name, sequence(time, time), name,
            sequence(curve, field(0x03, [0] + generator)),
        ]
        if let alternatives {
            let octets = field(0x04, field(0x30, alternatives))
            parts.append(field(0xA3, sequence(sequence(identifier(0x55, 0x1D, 0x11), octets))))
        }
        let body = field(0x30, parts.flatMap { $0 })
        let one = field(0x02, [1])
        return sequence(body, algorithm, field(0x03, [0] + sequence(one, one)))
    }

    /// The base point of P-256 (FIPS 186-4 §D.1.2.3), uncompressed: a public key as good as any.
    private static let generator: [UInt8] = [
        0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2, 0x77,
        0x03,
        0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F, 0xE3, 0x42, 0xE2,
        0xFE,
        0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E,
        0xCE,
        0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5,
    ]
}
