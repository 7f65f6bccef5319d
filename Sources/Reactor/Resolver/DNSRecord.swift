/// What a record of DNS says, of the types that locating servers needs.
public enum DNSRecordData: Hashable, Sendable {
    /// The name that this one is an alias of (RFC 1035 §3.3.1).
    case canonicalName(String)
    /// A server of a service (RFC 2782).
    case srv(priority: UInt16, weight: UInt16, port: UInt16, target: String)
    /// A rule that leads from a name to another (RFC 3403 §4.1).
    case naptr(
        order: UInt16, preference: UInt16, flags: String, service: String, regularExpression: String,
        replacement: String)
    /// The start of a zone's authority: how long it holds that something is not there, in seconds (RFC 2308 §4).
    case authority(negativeTime: UInt32)
}

/// A record of DNS (RFC 1035 §4.1.3).
struct DNSRecord: Hashable, Sendable {
    /// Whose record it is; small letters, without a dot at its end.
    var name: String
    /// For how long it holds, in seconds.
    var lifetime: UInt32
    var data: DNSRecordData
}

/// The kinds of records that are asked for or found in answers (RFC 1035 §3.2.2, RFC 2782, RFC 3403 §8).
enum DNSRecordType: UInt16, Sendable {
    case cname = 5
    case soa = 6
    case srv = 33
    case naptr = 35
}

/// Why the bytes of an answer cannot be read.
enum DNSDefect: Error, Hashable, Sendable {
    /// It ends before it should.
    case truncated
    /// A name is longer than 255 bytes, points forwards or in circles, or has a label of an unknown kind.
    case name
    /// The data of a record have another length than their type has.
    case data
}
