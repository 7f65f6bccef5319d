/// A set of telephone events, as `a=fmtp` of `telephone-event` lists them. RFC 4733 §2.4.1.
public struct TelephoneEvents: Hashable, Sendable {
    private var low: UInt128 = 0
    private var high: UInt128 = 0

    /// No events.
    public init() {}

    /// The events from the first to the last number.
    public init(_ range: ClosedRange<UInt8>) {
        for event in range { insert(event) }
    }

    /// DTMF: digits, star, hash, A to D. What is assumed of a peer that lists nothing (RFC 4733 §2.5.1.1).
    public static let dtmf = TelephoneEvents(0...15)

    /// Reads a list such as `0-15,66,70`; `nil` if it does not follow the grammar.
    public init?(_ list: ByteString) {
        self.init()
        for item in list.bytes.split(separator: .comma, omittingEmptySubsequences: false) {
            let (first, last) = item.trimmed.cut(at: .hyphen)
            guard let start = first.trimmed.decimal(limit: 255) else { return nil }
            guard let end = last.map({ $0.trimmed.decimal(limit: 255) }) ?? start, start <= end else { return nil }
            for event in start...end { insert(UInt8(event)) }
        }
    }

    /// Adds an event.
    public mutating func insert(_ event: UInt8) {
        if event < 128 { low |= 1 << UInt128(event) } else { high |= 1 << UInt128(event - 128) }
    }

    /// Whether the event is in the set.
    public func contains(_ event: UInt8) -> Bool {
        (event < 128 ? low >> UInt128(event) : high >> UInt128(event - 128)) & 1 == 1
    }

    /// Whether there is no event in the set.
    public var isEmpty: Bool { low == 0 && high == 0 }

    /// The list as it stands in `a=fmtp`.
    public var list: ByteString {
        var items: [String] = []
        var event = 0
        while event < 256 {
            guard contains(UInt8(event)) else {
                event += 1
                continue
            }
            let start = event
            while event < 256, contains(UInt8(event)) { event += 1 }
            items.append(event - start == 1 ? "\(start)" : "\(start)-\(event - 1)")
        }
        return ByteString(unchecked: ArraySlice(items.joined(separator: ",").utf8))
    }
}

/// How telephone events travel one way on a stream.
public struct TelephoneEventFormat: Hashable, Sendable {
    /// Payload type of the event packets.
    public let payloadType: UInt8

    /// Rate of their time stamps, Hz.
    public let clockRate: Int

    /// Events that the receiver understands; the sender must not send others (RFC 4733 §2.5.1.1).
    public let events: TelephoneEvents

    /// The events of a format; those that cannot be read, or are missing, count as DTMF.
    init(_ format: RTPFormat) {
        payloadType = format.payloadType
        clockRate = format.codec.clockRate
        events = format.parameters.flatMap(TelephoneEvents.init) ?? .dtmf
    }
}
