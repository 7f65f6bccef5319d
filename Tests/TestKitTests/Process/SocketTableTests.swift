import Glibc
import Testing

@testable import TestKit

/// The kernel's list of sockets, however long it is.
@Suite struct SocketTableTests {
    /// The kernel gives out some thirty sockets at a time.
    @Test func allOfManySocketsAreFound() throws {
        let reservations = try (0..<100).map { _ in try PortReservation() }
        let missing = reservations.filter { !SocketTable.holds(.udp, port: $0.port) }
        #expect(missing.map(\.port) == [])
        let free = try PortReservation()
        free.release()
        #expect(!SocketTable.holds(.udp, port: free.port))
        #expect(!SocketTable.holds(.tcp, port: reservations[0].port), "bound, and not listened on")
    }
}
