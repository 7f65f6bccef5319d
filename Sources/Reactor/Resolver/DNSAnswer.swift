/// The answer to a question of DNS, as it came over the wire (RFC 1035 §4.1).
struct DNSAnswer: Hashable, Sendable {
    /// How the server ended: 0 well, 3 for a name that does not exist (RFC 1035 §4.1.1, RCODE).
    var status: UInt8
    /// The answer section, but for types that are not known here.
    var records: [DNSRecord] = []
    /// The authority section: how long it holds that there is no answer (RFC 2308).
    var authority: [DNSRecord] = []

    /// The most records that are read of a section.
    static let recordLimit = 256

    /// - Throws: ``DNSDefect``.
    init(parsing bytes: UnsafeRawBufferPointer) throws(DNSDefect) {
        var reader = DNSReader(bytes)
        _ = try reader.uint16()
        let flags = try reader.uint16()
        status = UInt8(flags & 15)
        let (questions, answers) = (try reader.uint16(), try reader.uint16())
        let authorities = try reader.uint16()
        _ = try reader.uint16()
        for _ in 0..<questions {
            _ = try reader.name()
            try reader.skip(4)
        }
        records = try reader.records(answers)
        authority = try reader.records(authorities)
    }

    /// The records that answer a question for a name: those of the name itself, or of what it is an alias of.
    ///
    /// - Parameter name: small letters, without a dot at its end.
    func records(of name: String) -> [DNSRecord] {
        var names: Set<String> = [name]
        var found: [DNSRecord] = []
        // Aliases may come in any order; each round finds one link at least.
        var hasGrown = true
        while hasGrown {
            hasGrown = false
            for record in records where names.contains(record.name) {
                if case .canonicalName(let next) = record.data, names.insert(next).inserted { hasGrown = true }
            }
        }
        for record in records where names.contains(record.name) { found.append(record) }
        return found
    }

    /// For how long the answer holds, in seconds: the least of its records; of none, what the zone says (RFC 2308 §5).
    func lifetime(of name: String) -> UInt32? {
        if let least = records(of: name).map(\.lifetime).min() { return least }
        for record in authority {
            if case .authority(let negativeTime) = record.data { return min(record.lifetime, negativeTime) }
        }
        return nil
    }
}

/// Reads the parts of a message of DNS in order.
private struct DNSReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func uint8() throws(DNSDefect) -> UInt8 {
        guard at < bytes.count else { throw .truncated }
        defer { at += 1 }
        return bytes[at]
    }

    mutating func uint16() throws(DNSDefect) -> UInt16 { UInt16(try uint8()) << 8 | UInt16(try uint8()) }

    mutating func uint32() throws(DNSDefect) -> UInt32 { UInt32(try uint16()) << 16 | UInt32(try uint16()) }

    mutating func skip(_ count: Int) throws(DNSDefect) {
        guard bytes.count - at >= count else { throw .truncated }
        at += count
    }

    /// A name with its labels joined by dots, in small letters (RFC 1035 §3.1, §4.1.4). A pointer leads backwards only, so that
    /// there is an end.
    mutating func name() throws(DNSDefect) -> String {
        var text: [UInt8] = []
        var position = at
        var end: Int?
        while true {
            guard position < bytes.count else { throw .truncated }
            let length = Int(bytes[position])
            switch length >> 6 {
            case 0 where length == 0:
                at = end ?? position + 1
                return String(decoding: text, as: UTF8.self)
            case 0:
                guard bytes.count - position > length else { throw .truncated }
                guard text.count + length < 255 else { throw .name }
                if !text.isEmpty { text.append(UInt8(ascii: ".")) }
                for byte in bytes[(position + 1)...(position + length)] {
                    text.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
                }
                position += 1 + length
            case 3:
                guard position + 1 < bytes.count else { throw .truncated }
                let target = (length & 63) << 8 | Int(bytes[position + 1])
                guard target < position else { throw .name }
                if end == nil { end = position + 2 }
                position = target
            default: throw .name
            }
        }
    }

    /// A string with its length before it (RFC 1035 §3.3).
    private mutating func string() throws(DNSDefect) -> String {
        let count = Int(try uint8())
        let start = at
        try skip(count)
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    mutating func records(_ count: UInt16) throws(DNSDefect) -> [DNSRecord] {
        var found: [DNSRecord] = []
        for _ in 0..<min(Int(count), DNSAnswer.recordLimit) {
            let name = try name()
            let (type, kind) = (try uint16(), try uint16())
            // RFC 2181 §8: a time whose highest bit is set is 0.
            let written = try uint32()
            let lifetime = written > UInt32(Int32.max) ? 0 : written
            let length = Int(try uint16())
            guard bytes.count - at >= length else { throw .truncated }
            let end = at + length
            // Of the Internet's class.
            if kind == 1, let type = DNSRecordType(rawValue: type) {
                let data = try data(type)
                guard at == end else { throw .data }
                found.append(DNSRecord(name: name, lifetime: lifetime, data: data))
            }
            at = end
        }
        return found
    }

    private mutating func data(_ type: DNSRecordType) throws(DNSDefect) -> DNSRecordData {
        switch type {
        case .cname: return .canonicalName(try name())
        case .srv:
            return .srv(priority: try uint16(), weight: try uint16(), port: try uint16(), target: try name())
        case .naptr:
            return .naptr(
                order: try uint16(), preference: try uint16(), flags: try string(), service: try string(),
                regularExpression: try string(), replacement: try name())
        case .soa:
            _ = (try name(), try name())
            // Serial, refresh, retry, expire.
            try skip(16)
            return .authority(negativeTime: try uint32())
        }
    }
}

extension HostName {
    /// A name as it stands in answers that were read: small letters, without a dot at its end.
    static func normalized(_ name: String) -> String {
        var bytes = name.utf8.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
