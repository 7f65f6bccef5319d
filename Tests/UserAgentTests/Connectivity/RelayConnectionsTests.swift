import Glibc
import Reactor
import Testing

@testable import UserAgent

/// Connections to TURN servers, by TCP.
@Suite(.timeLimit(.minutes(1))) struct RelayConnectionsTests {
    /// What waits for a server that does not read is bounded: then the connection is given up, and the checks go on without the server.
    @Test func aServerThatDoesNotReadIsGivenUp() async throws {
        let server = try DeafServer()
        let lane = try Lane(name: "checks")
        let connections = RelayConnections(security: nil)
        var policy = ICEPolicy(.full)
        policy.servers = [.init(turn: server.address, by: .tcp, username: "alice", password: "secret")]
        // Longer than this test may take.
        policy.gatheringLimit = .seconds(600)
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let checks = await lane.run { [policy] lane in
            let place = ICEEnds.Place(media: .loopback(port: 40_000), control: .loopback(port: 40_001))
            let checks = ConnectivityChecks(nil, policy, connections, [place], components: 1, on: lane) { event in
                if case .gathered = event { end.yield() }
            }
            checks.start()
            return LaneBound(checks, on: lane)
        }
        let connection = try #require(await lane.run { _ in checks.value.links.values.first })
        let frame = [UInt8](repeating: 0, count: 1_024)
        // The kernel takes some megabytes besides; all frames are 64.
        let most = 65_536
        var (taken, waiting) = (0, 0)
        while taken < most, connection.send(frame) {
            taken += 1
            waiting = max(waiting, connection.waitingBytes)
        }
        #expect(taken >= RelayConnections.outboundLimit / frame.count / 2 && taken < most)
        #expect(waiting <= RelayConnections.outboundLimit)
        var iterator = ends.makeAsyncIterator()
        await iterator.next()
        #expect(await lane.run { _ in checks.value.links.isEmpty })
        await lane.run { _ in checks.value.close() }
        await connections.shutdown()
        lane.stop()
        await lane.stopped()
    }
}

/// A TCP socket on 127.0.0.1 whose connections nobody takes, so that nothing is read of them.
private final class DeafServer: Sendable {
    private let descriptor: Int32
    let address: TransportAddress

    private struct Failure: Error {}

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isListening = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isListening else { throw Failure() }
        address = .loopback(port: UInt16(bigEndian: name.sin_port))
    }

    deinit { close(descriptor) }
}
