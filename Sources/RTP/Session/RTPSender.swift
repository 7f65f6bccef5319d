/// What a sender knows of its own stream: identifier, sequence number, media clock and counts (RFC 3550 §5.1, §6.4.1).
public struct RTPSender: Sendable {
    /// Our synchronization source.
    public private(set) var ssrc: UInt32

    /// Timestamp of the next sample to be sent.
    public private(set) var timestamp: UInt32

    /// Packets sent under this SSRC, modulo 2^32.
    public private(set) var packetCount: UInt32 = 0

    /// Octets of payload sent under this SSRC, modulo 2^32.
    public private(set) var octetCount: UInt32 = 0

    /// The clock of the payload.
    public let clock: RTPClock

    private var nextSequence: UInt16
    private var reference: (timestamp: UInt32, instant: ContinuousClock.Instant)

    /// Starts with values that the caller chose, for tests and for streams that are continued.
    public init(
        ssrc: UInt32, sequence: UInt16, timestamp: UInt32, clock: RTPClock, at now: ContinuousClock.Instant
    ) {
        self.ssrc = ssrc
        self.timestamp = timestamp
        self.clock = clock
        nextSequence = sequence
        reference = (timestamp, now)
    }

    /// Starts with random identifier, sequence number and timestamp, as RFC 3550 §5.1 asks. The sequence number lies in the lower
    /// half, so that no peer misses the first time it goes through zero, by which SRTP counts (RFC 4568 §6.4).
    public init(
        clock: RTPClock, at now: ContinuousClock.Instant, using generator: inout some RandomNumberGenerator
    ) {
        self.init(
            ssrc: generator.next(), sequence: generator.next() & 0x7FFF, timestamp: generator.next(), clock: clock,
            at: now)
    }

    /// The header of the next data packet, which carries media that begins at `timestamp`; counts the packet as sent.
    ///
    /// - Parameters:
    ///   - payloadLength: octets of payload.
    ///   - timestamp: where it is not that of the next sample, as in updates of a telephone event (RFC 4733 §2.2.1).
    public mutating func nextHeader(
        payloadType: UInt8, marker: Bool, payloadLength: Int, timestamp: UInt32? = nil
    ) -> RTPHeader {
        let header = RTPHeader(
            payloadType: payloadType, marker: marker, sequenceNumber: nextSequence,
            timestamp: timestamp ?? self.timestamp, ssrc: ssrc)
        nextSequence &+= 1
        packetCount &+= 1
        octetCount &+= UInt32(truncatingIfNeeded: payloadLength)
        return header
    }

    /// Ties the media clock to the time: the sample at `timestamp` belongs to `now`. Call once per frame.
    public mutating func mark(_ now: ContinuousClock.Instant) {
        reference = (timestamp, now)
    }

    /// Moves the media clock on by `samples` timestamp units, whether they were sent or not.
    public mutating func advance(by samples: UInt32) {
        timestamp &+= samples
    }

    /// Sender information for a report made at `now`.
    public func senderInfo(at now: ContinuousClock.Instant, wallclock: WallclockReference) -> SenderInfo {
        let units = clock.units(in: reference.instant.duration(to: now))
        return SenderInfo(
            time: wallclock.time(at: now), timestamp: reference.timestamp &+ UInt32(truncatingIfNeeded: units),
            packetCount: packetCount, octetCount: octetCount)
    }

    /// Takes a new random SSRC after a collision (RFC 3550 §8.2); the counts begin anew.
    ///
    /// - Parameter taken: identifiers that must not be chosen.
    public mutating func changeSource(
        avoiding taken: UInt32, using generator: inout some RandomNumberGenerator
    ) {
        var fresh: UInt32 = generator.next()
        if fresh == taken || fresh == ssrc { fresh = max(taken, ssrc) &+ 1 }
        ssrc = fresh
        packetCount = 0
        octetCount = 0
    }
}
