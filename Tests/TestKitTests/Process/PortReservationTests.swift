import Foundation
import TestKit
import Testing

@Suite struct PortReservationTests {
    @Test(arguments: ["127.0.0.1", "127.0.0.7", "::1"])
    func portsAreFreeInARowAndHeld(address: String) async throws {
        let reservation = try PortReservation(count: 2, on: address)
        #expect(PortReservation.range.contains(reservation.port))
        #expect(reservation.count == 2)
        // Held: no one else can take the second one. Released: anyone can.
        #expect(try await bind(reservation.port + 1, on: address) == .code(1))
        reservation.release()
        #expect(try await bind(reservation.port + 1, on: address) == .code(0))
    }

    @Test func noPortIsGivenTwice() throws {
        var seen: Set<UInt16> = []
        for _ in 0..<200 {
            let reservation = try PortReservation()
            reservation.release()
            #expect(seen.insert(reservation.port).inserted)
        }
    }

    @Test func anAddressThatIsNoneHasNoPorts() {
        let error = #expect(throws: PeerError.self) { try PortReservation(on: "example.com") }
        #expect(error?.code == .noPort)
    }

    /// Binds the port for UDP in another program, which fails with status 1 when it is taken.
    private func bind(_ port: UInt16, on address: String) async throws -> PeerExit {
        let family = address.contains(":") ? "AF_INET6" : "AF_INET"
        let script = """
            import socket, sys
            try: socket.socket(socket.\(family), socket.SOCK_DGRAM).bind(("\(address)", \(port)))
            except OSError: sys.exit(1)
            """
        return try await withPeers { peers in
            try await peers.start(PeerCommand("python3", ["-c", script], package: "python3")).exit()
        }
    }
}
