/// A record that names a server of a service (RFC 2782).
public struct SRVRecord: Hashable, Sendable {
    /// The lower is tried first.
    public var priority: UInt16
    /// Among those of one priority: how large the server's share is.
    public var weight: UInt16
    /// The port; numbers of 1 to 65535.
    public var port: UInt16
    /// The host name; `.` or empty says that the service is not there.
    public var target: String

    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }

    /// Whether the record says that the service is decidedly not available.
    public var isAbsence: Bool { target.isEmpty || target == "." }
}

extension [SRVRecord] {
    /// The order in which servers are tried: by priority, and by weighted chance within one, as RFC 2782 (`Weight`) draws it.
    ///
    /// - Parameter random: gives numbers of 64 bits.
    public func inOrder(random: () -> UInt64) -> [SRVRecord] {
        let servers = filter { !$0.isAbsence && $0.port != 0 }
        var ordered: [SRVRecord] = []
        ordered.reserveCapacity(servers.count)
        for priority in Set(servers.map(\.priority)).sorted() {
            // Those of weight 0 first, so that they have a small chance when others have weights.
            let same = servers.filter { $0.priority == priority }
            var left = same.filter { $0.weight == 0 } + same.filter { $0.weight != 0 }
            while !left.isEmpty {
                let sum = left.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
                let drawn = random() % (sum + 1)
                var running: UInt64 = 0
                let chosen = left.firstIndex { record in
                    running += UInt64(record.weight)
                    return running >= drawn
                }
                ordered.append(left.remove(at: chosen ?? left.startIndex))
            }
        }
        return ordered
    }
}
