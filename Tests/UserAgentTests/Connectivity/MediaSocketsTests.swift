import Reactor
import Testing

@testable import UserAgent

/// The ports of a call at the addresses of a host.
@Suite struct MediaSocketsTests {
    private let ports = MediaPorts(42_000...42_999)

    private func address(_ last: UInt32) -> TransportAddress { TransportAddress(ipv4: 0x7f00_0000 + last, port: 0) }

    @Test func furtherAddressesAreLeftOut() throws {
        let ports = try #require(ports)
        let sockets = try MediaSockets(near: address(1), beside: (2...20).map(address), ports, .media)
        #expect(sockets.places.count == MediaSockets.mostAddresses)
        #expect(sockets.places.map { $0.media.with(port: 0) } == (1...6).map(address))
        #expect(sockets.places.allSatisfy { $0.media.port % 2 == 0 && $0.control.port == $0.media.port + 1 })
    }

    @Test func anAddressThatIsNotOursIsLeftOut() throws {
        let ports = try #require(ports)
        let foreign = try #require(TransportAddress("192.0.2.1:0"))
        let sockets = try MediaSockets(near: address(1), beside: [foreign, address(2)], ports, .media)
        #expect(sockets.places.map { $0.media.with(port: 0) } == [address(1), address(2)])
        #expect(throws: SocketError.self) { try MediaSockets(near: foreign, beside: [address(2)], ports, .media) }
    }
}
