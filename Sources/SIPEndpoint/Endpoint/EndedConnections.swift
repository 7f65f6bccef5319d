/// Why the last connections have ended: what is sent on one of them fails with its reason, though the end was told before.
struct EndedConnections {
    /// Of how many connections the reason is known.
    static let limit = 64

    private var ends: [(connection: UInt64, reason: String)] = []

    /// A connection has ended.
    mutating func note(_ connection: UInt64, _ reason: String) {
        if ends.count == Self.limit { ends.removeFirst() }
        ends.append((connection, reason))
    }

    /// The reason; nil for a connection that is there, or ended long ago.
    func reason(of connection: UInt64) -> String? { ends.last { $0.connection == connection }?.reason }
}
