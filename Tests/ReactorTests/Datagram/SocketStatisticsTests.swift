import Testing

@testable import Reactor

@Suite struct SocketStatisticsTests {
    /// Lines in the form of proc_net_udp; the addresses are words in the order of this machine's memory.
    @Test func linesAreRead() {
        let four = """
               sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
              511: 0100007F:13C4 00000000:0000 07 00000000:00000D80 00:00000000 00000000  1000        0 23456 2 ffff8881 17
            12345: 00000000:0035 00000000:0000 07 0000000A:00000000 00:00000000 00000000     0        0 99 2 ffff8882 0
            nonsense
            12345: 0000:0035 00000000:0000 07 0000000A:00000000 00:00000000 00000000     0        0 99 2 ffff8882 0
            """
        let sockets = SocketStatistics.parse(four)
        #expect(sockets.map(\.localAddress.description) == ["127.0.0.1:5060", "0.0.0.0:53"])
        #expect(sockets.map(\.drops) == [17, 0])
        #expect(sockets.map(\.receiveQueue) == [0xd80, 0])
        #expect(sockets.map(\.sendQueue) == [0, 10])
        #expect(sockets.map(\.inode) == [23_456, 99])
        let six = """
              sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when …
             7: B80D0120000000000000000001000000:13C5 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 4 2 ffff 3
            """
        #expect(SocketStatistics.parse(six).map(\.localAddress.description) == ["[2001:db8::1]:5061"])
        #expect(SocketStatistics.parse("") == [])
    }

    @Test func ourSocketsAreFound() throws {
        for family in [TransportAddress.Family.ipv4, .ipv6] {
            let bound = try BoundDatagramSocket.bind(.loopback(family))
            let found = SocketStatistics.udp(port: bound.localAddress.port).filter {
                $0.localAddress == bound.localAddress
            }
            #expect(found.count == 1)
            #expect(found.first?.drops == 0)
        }
    }
}
