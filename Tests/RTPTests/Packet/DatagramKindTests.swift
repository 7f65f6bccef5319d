import RTP
import Testing

@Suite struct DatagramKindTests {
    @Test(arguments: [
        ("", DatagramKind.unknown), ("80", .unknown),
        ("80 00", .rtp), ("80 08", .rtp), ("80 80", .rtp), ("90 60", .rtp), ("bf ff", .rtp), ("80 e5", .rtp),
        ("80 c8", .rtcp), ("81 c9", .rtcp), ("81 ca", .rtcp), ("81 cb", .rtcp), ("80 cc", .rtcp), ("8f cd", .rtcp),
        ("80 cf", .rtcp), ("80 c0", .rtcp), ("80 df", .rtcp), ("80 bf", .rtp), ("80 e0", .rtp),
        ("00 01", .stun), ("01 01", .stun), ("03 ff", .stun), ("04 00", .unknown),
        ("0f 00", .unknown), ("10 00", .zrtp), ("13 00", .zrtp), ("14 fe", .dtls), ("3f fe", .dtls),
        ("40 00", .channelData), ("4f ff", .channelData), ("50 00", .quic), ("7f 00", .quic), ("c0 c8", .quic),
        ("ff ff", .quic),
    ])
    func tellsByTheFirstTwoOctets(_ hex: String, _ kind: DatagramKind) {
        let datagram = octets(hex)
        #expect(DatagramKind(datagram) == kind)
    }

    /// RFC 5761 §4: payload types 64 to 95 must not be used where RTP and RTCP share a port.
    @Test func payloadTypesThatCollideAreForbidden() {
        for type in UInt8.min...UInt8.max {
            let allowed = type <= 63 || (96...127).contains(type)
            #expect(DatagramKind.permitsMultiplexing(payloadType: type) == allowed)
        }
    }
}
