import Synchronization

extension StreamConnection {
    /// Names a connection for the life of the process; never used again, and by no other process either.
    ///
    /// Numbers stand in what outlives a process, such as the flow tokens of SIP (RFC 5626 §5.2): what names a connection of an
    /// earlier run must name none of this one. Each process therefore counts from a place that it draws by chance, one of 2^62: that
    /// a number of before is one of the first billion of now has a probability below one in four billion.
    public struct ID: Hashable, Sendable, CustomStringConvertible {
        /// Counts up; never 0.
        public let number: UInt64

        public var description: String { "#\(number)" }

        private static let last = Atomic<UInt64>(.random(in: 1..<(1 << 62)))

        static func next() -> ID { ID(number: last.wrappingAdd(1, ordering: .relaxed).newValue) }
    }
}
