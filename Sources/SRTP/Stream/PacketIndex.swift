/// The 48-bit index of an RTP packet: rollover counter and sequence number. RFC 3711 §3.3.1.
enum PacketIndex {
    /// One more than the highest index.
    static let end: UInt64 = 1 << 48

    /// The index of a packet, estimated from its sequence number and the highest index so far, by the routine of RFC 3711 appendix A:
    /// of the three that the number may mean, the closest to the highest.
    ///
    /// - Returns: the index, ``end`` or more when the counter would run over, or `nil` when it would lie before the first.
    static func estimate(_ sequence: UInt16, highest: UInt64) -> UInt64? {
        let last = Int64(highest & 0xFFFF)
        var distance = Int64(sequence) - last
        if last < 0x8000 {
            if distance > 0x8000 { distance -= 0x1_0000 }
        } else if distance < -0x8000 {
            distance += 0x1_0000
        }
        let index = Int64(highest) + distance
        return index < 0 ? nil : UInt64(index)
    }
}
