import Reactor

/// The parts of a contact URI, for comparison by RFC 3261 §19.1.4 without a copy.
///
/// It is made of bytes that were checked to be a URI when they came, and borrows them.
struct ContactURI {
    enum Scheme {
        case sip, sips, tel, other
    }

    let whole: UnsafeRawBufferPointer
    let scheme: Scheme
    /// The user with its escapes, or the number of a tel URI; nil when absent.
    private(set) var user: UnsafeRawBufferPointer?
    private(set) var password: UnsafeRawBufferPointer?
    /// The host; an IPv6 reference with its brackets.
    private(set) var host = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The port as written; nil when absent.
    private(set) var port: UnsafeRawBufferPointer?
    /// The parameters without the first ";".
    private(set) var parameters = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The headers without the "?".
    private(set) var headers = UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ bytes: UnsafeRawBufferPointer) {
        whole = bytes
        var rest = bytes
        let name = Self.cut(&rest, at: UInt8(ascii: ":")) ?? bytes
        if equalIgnoringCase(name, "sip") {
            scheme = .sip
        } else if equalIgnoringCase(name, "sips") {
            scheme = .sips
        } else if equalIgnoringCase(name, "tel") {
            scheme = .tel
            user = Self.cut(&rest, at: UInt8(ascii: ";"))
            if user == nil { user = rest } else { parameters = rest }
            return
        } else {
            scheme = .other
            return
        }
        // "@" must be escaped in every other part.
        if var userInfo = Self.cut(&rest, at: UInt8(ascii: "@")) {
            let name = Self.cut(&userInfo, at: UInt8(ascii: ":"))
            user = name ?? userInfo
            if name != nil { password = userInfo }
        }
        if let before = Self.cut(&rest, at: UInt8(ascii: "?")) {
            headers = rest
            rest = before
        }
        if let before = Self.cut(&rest, at: UInt8(ascii: ";")) {
            parameters = rest
            rest = before
        }
        host = rest
        let bracket = rest.lastIndex(of: UInt8(ascii: "]")) ?? 0
        if let colon = rest[bracket...].firstIndex(of: UInt8(ascii: ":")) {
            host = UnsafeRawBufferPointer(rebasing: rest[..<colon])
            port = UnsafeRawBufferPointer(rebasing: rest[(colon + 1)...])
        }
    }

    /// Takes what stands before a byte, and the byte, from the front; nil when the byte is not there.
    private static func cut(_ rest: inout UnsafeRawBufferPointer, at byte: UInt8) -> UnsafeRawBufferPointer? {
        guard let index = rest.firstIndex(of: byte) else { return nil }
        let before = UnsafeRawBufferPointer(rebasing: rest[..<index])
        rest = UnsafeRawBufferPointer(rebasing: rest[(index + 1)...])
        return before
    }

    // MARK: Comparison

    /// Whether both name the same contact: RFC 3261 §19.1.4 for sip and sips, RFC 3966 §4 for tel, the bytes for others.
    func isEquivalent(to other: ContactURI) -> Bool {
        guard scheme == other.scheme else { return false }
        switch scheme {
        case .other: return equal(whole, other.whole)
        case .tel:
            return equalNumbers(user, other.user) && hasParameters(of: other) && other.hasParameters(of: self)
        case .sip, .sips: break
        }
        return equalEscaped(user, other.user, ignoringCase: false)
            && equalEscaped(password, other.password, ignoringCase: false) && equalHosts(host, other.host)
            && equalPorts(port, other.port) && matchesParameters(of: other) && other.matchesParameters(of: self)
            && matchesHeaders(of: other)
    }

    /// Whether a parameter in one alone means that the URIs differ.
    private static func isSignificant(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 3: equalIgnoringCase(name, "ttl")
        case 4: equalIgnoringCase(name, "user")
        case 5: equalIgnoringCase(name, "maddr")
        case 6: equalIgnoringCase(name, "method")
        case 9: equalIgnoringCase(name, "transport")
        default: false
        }
    }

    private func matchesParameters(of other: ContactURI) -> Bool {
        var rest = Parts(parameters, UInt8(ascii: ";"))
        while let mine = rest.next() {
            if let theirs = Parts(other.parameters, UInt8(ascii: ";")).first(mine.name) {
                if !equalEscaped(mine.value, theirs.value, ignoringCase: true) { return false }
            } else if Self.isSignificant(mine.name) {
                return false
            }
        }
        return true
    }

    /// For tel every parameter counts (RFC 3966 §4).
    private func hasParameters(of other: ContactURI) -> Bool {
        var rest = Parts(other.parameters, UInt8(ascii: ";"))
        while let theirs = rest.next() {
            guard let mine = Parts(parameters, UInt8(ascii: ";")).first(theirs.name),
                equalEscaped(mine.value, theirs.value, ignoringCase: true)
            else { return false }
        }
        return true
    }

    /// Headers are never ignored; each must be in both as often.
    private func matchesHeaders(of other: ContactURI) -> Bool {
        if headers.isEmpty && other.headers.isEmpty { return true }
        return contains(headersOf: other) && other.contains(headersOf: self)
    }

    private func contains(headersOf other: ContactURI) -> Bool {
        var rest = Parts(other.headers, UInt8(ascii: "&"))
        while let header = rest.next() {
            let mine = Parts(headers, UInt8(ascii: "&")).occurrences(of: header)
            let theirs = Parts(other.headers, UInt8(ascii: "&")).occurrences(of: header)
            if mine < theirs { return false }
        }
        return true
    }
}

/// `name=value` parts between separators; empty ones are skipped.
private struct Parts {
    struct Part {
        let name: UnsafeRawBufferPointer
        let value: UnsafeRawBufferPointer?
    }

    private var rest: UnsafeRawBufferPointer
    private let separator: UInt8

    init(_ bytes: UnsafeRawBufferPointer, _ separator: UInt8) {
        rest = bytes
        self.separator = separator
    }

    mutating func next() -> Part? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: separator) ?? rest.count
            let part = rest[..<end]
            rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
            if part.isEmpty { continue }
            guard let sign = part.firstIndex(of: UInt8(ascii: "=")) else {
                return Part(name: UnsafeRawBufferPointer(rebasing: part), value: nil)
            }
            return Part(
                name: UnsafeRawBufferPointer(rebasing: part[..<sign]),
                value: UnsafeRawBufferPointer(rebasing: part[(sign + 1)...]))
        }
        return nil
    }

    func first(_ name: UnsafeRawBufferPointer) -> Part? {
        var copy = self
        while let part = copy.next() {
            if equalEscaped(part.name, name, ignoringCase: true) { return part }
        }
        return nil
    }

    func occurrences(of header: Part) -> Int {
        var copy = self
        var count = 0
        while let part = copy.next() {
            if equalEscaped(part.name, header.name, ignoringCase: true),
                equalEscaped(part.value, header.value, ignoringCase: false)
            {
                count += 1
            }
        }
        return count
    }
}

/// Hosts: case put aside; IPv6 references by the address they mean (RFC 5954 §4.2).
private func equalHosts(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    if equalIgnoringCase(a, b) { return true }
    guard a.first == UInt8(ascii: "["), b.first == UInt8(ascii: "["),
        let first = TransportAddress(host: a, port: 0), let second = TransportAddress(host: b, port: 0)
    else { return false }
    return first == second
}

/// Ports: by their number; one that is written does not match one that is not.
private func equalPorts(_ a: UnsafeRawBufferPointer?, _ b: UnsafeRawBufferPointer?) -> Bool {
    guard let a, let b else { return a == nil && b == nil }
    return a.drop { $0 == UInt8(ascii: "0") }.elementsEqual(b.drop { $0 == UInt8(ascii: "0") })
}

/// Numbers: visual separators and case put aside (RFC 3966 §4).
private func equalNumbers(_ a: UnsafeRawBufferPointer?, _ b: UnsafeRawBufferPointer?) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool {
        byte != UInt8(ascii: "-") && byte != UInt8(ascii: ".") && byte != UInt8(ascii: "(") && byte != UInt8(ascii: ")")
    }
    guard let a, let b else { return a == nil && b == nil }
    return a.lazy.filter(isDigit).elementsEqual(b.lazy.filter(isDigit)) { lowercased($0) == lowercased($1) }
}
