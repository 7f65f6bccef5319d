extension Lane {
    /// The sizes of a lane and the shares of its parts in a turn. The defaults suit signalling and media alike; together they
    /// make a lane of about 3 MB address space, of which it touches what the traffic needs.
    public struct Configuration: Hashable, Sendable {
        /// Most socket events taken in a turn; the rest comes in the next one, after timers and queue.
        public var eventsPerTurn = 128

        /// Places in the queue from other threads; rounded up to a power of two.
        public var queueCapacity = 4_096

        /// Places that sheddable messages leave free for reserved ones.
        public var queueReserve = 1_024

        /// Most messages taken from the queue in a turn.
        public var messagesPerTurn = 512

        /// Most messages handed to a sleeping lane in a turn that the lane which hands them over serves itself; for more it wakes
        /// the other. Small, so that a lane that is loaded leaves the work to those that it is for.
        public var lendingLimit = 4

        /// The share of its time from which on a thread that serves several lanes gives one back to its own thread.
        public var hostingLimit = 0.85

        /// How many windows in a row the share must be above `hostingLimit`: a burst, or a neighbour on the machine, moves no lane.
        public var hostingPatience = 4

        /// The share of a thread's time that two lanes may take together for one to become a guest of the other. Two threads
        /// take up to 1.4 times what one takes for the same, so that it is then at about half of `hostingLimit` and a lane does
        /// not move to and fro.
        public var sharingLimit = 0.6

        /// Over which time these shares are measured.
        public var loadWindow: Duration = .milliseconds(50)

        /// Most jobs (of actors and tasks, and of `execute`) run in a turn.
        public var jobsPerTurn = 256

        /// Most datagrams read from a socket by one system call.
        public var receiveBatch = 64

        /// Most batches read from one socket in a turn, while each comes full.
        public var receiveRounds = 4

        /// Largest datagram that is received whole, in bytes; longer ones are counted and dropped. UDP carries 65,527 at most.
        public var datagramLimit = 65_535

        /// Most datagrams sent by one system call; the send batch is flushed at the end of the turn, or when it is full.
        public var sendBatch = 64

        /// Room for the datagrams of a send batch, in bytes; at least two of the largest datagrams.
        public var sendArena = 262_144

        /// Timers for which there is room before the wheel has to grow.
        public var timerCapacity = 1_024

        /// Niceness of the lane's thread, -20 to 19 (setpriority(2)). Below 0 it runs before other threads that wait for a
        /// processor, which takes the privilege CAP_SYS_NICE or a limit RLIMIT_NICE; without them the lane runs as others do.
        public var niceness = 0

        /// The defaults.
        public init() {}

        /// For voice: small work at exact times, which should not wait for the long work of others.
        public static var media: Configuration {
            var configuration = Configuration()
            configuration.niceness = -11
            return configuration
        }
    }
}
