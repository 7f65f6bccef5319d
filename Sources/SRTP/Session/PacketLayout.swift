import RTP

/// Where things lie in packets, told from their octets.
enum PacketLayout {
    /// Octets of an RTCP packet that are never encrypted: the first word and the SSRC (RFC 3711 §3.4).
    static let controlHeaderLength = 8

    /// Octets of the E flag and the SRTCP index.
    static let controlIndexLength = 4

    /// The E flag: the packet is encrypted.
    static let encryptedFlag: UInt32 = 0x8000_0000

    /// Octets of an RTP header with its CSRC list and extension, which stay readable. `nil` when the version is not 2, or the header
    /// is longer than the packet.
    @inline(__always)
    static func headerLength(_ packet: UnsafeRawBufferPointer) -> Int? {
        guard packet.count >= RTPHeader.fixedLength else { return nil }
        let first = packet[0]
        guard first >> 6 == 2 else { return nil }
        var length = RTPHeader.fixedLength + 4 * Int(first & 0x0F)
        if first & 0x10 != 0 {
            guard length + 4 <= packet.count else { return nil }
            length += 4 + 4 * Int(packet.word16(at: length + 2))
        }
        return length <= packet.count ? length : nil
    }
}

extension UnsafeRawBufferPointer {
    /// Two octets in network order; the caller knows that they are there.
    @inline(__always)
    func word16(at offset: Int) -> UInt16 { UInt16(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)) }

    /// Four octets in network order; the caller knows that they are there.
    @inline(__always)
    func word32(at offset: Int) -> UInt32 { UInt32(bigEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }

    /// The octets of a range that lies inside.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}

extension UnsafeMutableRawBufferPointer {
    /// The octets of a range that lies inside.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[range])
    }

    /// Where an octet lies, or the end.
    @inline(__always)
    func place(_ offset: Int) -> UnsafeMutableRawPointer {
        // Every packet has a header before anything is looked up in it.
        baseAddress! + offset
    }
}
