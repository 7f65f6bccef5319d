import Glibc

/// Which addresses of a host are wanted.
public enum AddressFamilies: Hashable, Sendable {
    case both, ipv4, ipv6
}

/// A host name that may be asked for, in lower case and without a dot at its end.
struct HostName: Hashable, Sendable {
    let text: String

    /// Longest name in bytes, and longest label (RFC 1035 §2.3.4).
    static let longest = 253
    static let longestLabel = 63

    /// Nil for what is no name by RFC 1123 §2.1 (with the underscores that DNS has seen since). The last label must not be a number: the
    /// system would take `127.1` and `0x7f000001` for addresses, which nobody else does.
    init?(_ text: String) {
        var bytes = Array(text.utf8)
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        guard !bytes.isEmpty && bytes.count <= Self.longest else { return nil }
        for index in bytes.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) {
            bytes[index] |= 0x20
        }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy(Self.isLabel), let last = labels.last, !Self.isNumber(last) else { return nil }
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    private static func isLabel(_ label: ArraySlice<UInt8>) -> Bool {
        guard let first = label.first, let last = label.last, label.count <= longestLabel else { return false }
        let hyphen = UInt8(ascii: "-")
        guard first != hyphen && last != hyphen else { return false }
        return label.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen,
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    /// Decimal or hexadecimal, as inet_aton(3) reads it.
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return true }
        guard label.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]) else { return false }
        return label.dropFirst(2).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            default: false
            }
        }
    }

    /// Asks the system (getaddrinfo(3)), in the order of RFC 6724. Blocks until it answers.
    func systemAddresses(_ families: AddressFamilies) throws(HostResolutionError) -> [TransportAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(bitPattern: SOCK_DGRAM.rawValue)
        switch families {
        case .both: hints.ai_family = AF_UNSPEC
        case .ipv4: hints.ai_family = AF_INET
        case .ipv6: hints.ai_family = AF_INET6
        }
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(text, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard result == 0 else {
            let code: HostResolutionError.Code =
                result == EAI_NONAME || result == EAI_NODATA ? .notFound : .unavailable
            // The system has a text for every number that it returns.
            throw HostResolutionError(code, text, detail: String(cString: gai_strerror(result)))
        }
        var addresses: [TransportAddress] = []
        var next = list
        while let entry = next {
            if let pointer = entry.pointee.ai_addr,
                let address = TransportAddress(
                    socketAddress: UnsafeRawPointer(pointer), length: Int(entry.pointee.ai_addrlen)),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw HostResolutionError(.notFound, text) }
        return addresses
    }
}

/// glibc's number for a name without addresses of the family, which its header shows to GNU sources only.
private let EAI_NODATA: Int32 = -5
