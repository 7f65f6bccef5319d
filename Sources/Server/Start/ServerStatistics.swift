/// All that a running server has counted.
public struct ServerStatistics: Codable, Sendable, Hashable {
    /// One lane.
    public struct Lane: Codable, Sendable, Hashable {
        /// Its number.
        public var lane = 0
        /// The share of the time since start in which it was busy, in percent.
        public var busyPercent = 0.0
        /// What it counted, by name.
        public var counters: [String: UInt64] = [:]
    }

    /// Milliseconds since start.
    public var uptimeMilliseconds: Int64 = 0
    /// Users that can register.
    public var users = 0
    /// Bindings, those that have just ended included.
    public var bindings = 0
    /// Messages and transactions of all lanes; `transactions` is how many there are now, all else counts from the start.
    public var signalling: [String: UInt64] = [:]
    /// Connections; `open` is how many there are now, all else counts from the start.
    public var connections: [String: UInt64] = [:]
    /// Registrations.
    public var registrar: [String: UInt64] = [:]
    /// Forwarded requests.
    public var proxy: [String: UInt64] = [:]
    /// Push notifications, and the requests that waited for phones to be woken.
    public var push: [String: UInt64] = [:]
    /// Calls whose media goes through this server; `calls` is how many there are now, all else counts from the start.
    public var media: [String: UInt64] = [:]
    /// Requests that were refused, by reason.
    public var refused: [String: UInt64] = [:]
    /// Credentials.
    public var authentication: [String: UInt64] = [:]
    /// The lanes.
    public var lanes: [Lane] = []
    /// Changes of bindings that are not in the database yet.
    public var pendingChanges = 0
    /// The age of the oldest of them, in milliseconds.
    public var commitLagMilliseconds: Int64 = 0

    /// No counts.
    public init() {}
}
