// targets: SIP
// sources: Sources/Reactor/Resolver/DNSAnswer.swift Sources/Reactor/Resolver/DNSRecord.swift Sources/Reactor/Resolver/HostName.swift

#if canImport(SIP)
    import SIP
#endif

/// Reads the bytes as an answer of DNS, follows its aliases, and puts its servers in order. libFuzzer calls it; what it finds is a
/// trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDNS(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let answer = try? DNSAnswer(parsing: UnsafeRawBufferPointer(start: data, count: count)) else { return 0 }
    let limit = DNSAnswer.recordLimit
    check(answer.records.count <= limit && answer.authority.count <= limit, "there are more records than are read")
    for name in ["example.com", answer.records.first?.name ?? ""] {
        let found = answer.records(of: name)
        check(found.count <= answer.records.count, "records were found that are not there")
        if let lifetime = answer.lifetime(of: name) { check(lifetime <= Int32.max, "a time is longer than any may be") }
        let servers = found.compactMap { record -> SRVRecord? in
            guard case .srv(let priority, let weight, let port, let target) = record.data else { return nil }
            return SRVRecord(priority: priority, weight: weight, port: port, target: target)
        }
        let ordered = servers.inOrder { UInt64(count) &* 0x9E37_79B9_7F4A_7C15 }
        check(ordered.count == servers.filter { !$0.isAbsence && $0.port != 0 }.count, "a server is lost")
        check(zip(ordered, ordered.dropFirst()).allSatisfy { $0.priority <= $1.priority }, "the order is wrong")
    }
    return 0
}
