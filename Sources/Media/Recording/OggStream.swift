/// One logical bitstream of an Ogg file: packets to pages (RFC 3533 §6). No I/O.
///
/// Every packet completes on the page that it begins on, so that each page can be read without the next one.
struct OggStream {
    /// What a page is (RFC 3533 §6, `header_type_flag`).
    enum Kind: UInt8 {
        case inside = 0
        case first = 2
        case last = 4
    }

    /// The number of the bitstream in the file.
    let serial: UInt32

    private var sequence: UInt32 = 0
    private var lacing: [UInt8] = []
    private var body: [UInt8] = []

    /// Most segments of one page: their number is an octet.
    static let maximumSegments = 255

    /// Octets of a page before its table of segments.
    static let headLength = 27

    /// A bitstream without pages.
    init(serial: UInt32) {
        self.serial = serial
    }

    /// Whether a packet of a length fits on the page that is begun.
    func fits(_ length: Int) -> Bool { lacing.count + length / 255 + 1 <= Self.maximumSegments }

    /// Whether the page that is begun has no packet yet.
    var isEmpty: Bool { lacing.isEmpty }

    /// Puts a packet on the page; one that does not fit is left out.
    mutating func add(_ packet: RawSpan) {
        guard fits(packet.byteCount) else { return }
        // A segment shorter than 255 ends the packet, be it empty.
        for _ in 0..<packet.byteCount / 255 { lacing.append(255) }
        lacing.append(UInt8(packet.byteCount % 255))
        packet.withUnsafeBytes { body.append(contentsOf: $0) }
    }

    /// Completes the page.
    ///
    /// - Parameter granule: its granule position (RFC 7845 §4).
    /// - Returns: its octets.
    mutating func page(_ kind: Kind, granule: Int64) -> [UInt8] {
        var page = Array("OggS".utf8) + [0, kind.rawValue]
        page.reserveCapacity(Self.headLength + lacing.count + body.count)
        Self.append(UInt64(bitPattern: granule), to: &page)
        Self.append(serial, to: &page)
        Self.append(sequence, to: &page)
        let place = page.count
        Self.append(UInt32(0), to: &page)
        page.append(UInt8(lacing.count))
        page += lacing
        page += body
        let checksum = Self.checksum(page.span.bytes)
        for index in 0..<4 { page[place + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
        sequence &+= 1
        lacing.removeAll(keepingCapacity: true)
        body.removeAll(keepingCapacity: true)
        return page
    }

    /// The checksum of a page whose own field is zero: polynomial 0x04C11DB7, from zero, not reflected (RFC 3533 §6).
    static func checksum(_ octets: RawSpan) -> UInt32 {
        octets.withUnsafeBytes { octets in
            octets.reduce(UInt32(0)) { sum, octet in sum << 8 ^ table[Int(UInt8(truncatingIfNeeded: sum >> 24) ^ octet)]
            }
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index) << 24
        for _ in 0..<8 { value = value & 0x8000_0000 != 0 ? value << 1 ^ 0x04C1_1DB7 : value << 1 }
        return value
    }

    /// Appends a number, its lowest octet first.
    static func append<Number: FixedWidthInteger>(_ number: Number, to octets: inout [UInt8]) {
        for index in 0..<Number.bitWidth / 8 { octets.append(UInt8(truncatingIfNeeded: number >> Number(8 * index))) }
    }
}
