public import Reactor

/// Dnsmasq as a server of DNS on 127.0.0.1, with a zone that a test writes.
///
/// ```swift
/// let names = try await DnsmasqPeer.start([.host("a.test", ["127.0.0.1"]), .service("_sip._udp.test", "a.test", 5070)], in: peers)
/// ```
public final class DnsmasqPeer: Sendable {
    static let package = "dnsmasq-base"

    /// A record of the zone, which is `test`: nothing but what is written exists there.
    public struct Record: Sendable {
        let option: String

        /// A host with its addresses.
        public static func host(_ name: String, _ addresses: [String]) -> Record {
            Record(option: "host-record=\(name),\(addresses.joined(separator: ","))")
        }

        /// A server of a service (RFC 2782).
        public static func service(
            _ name: String, _ host: String, _ port: UInt16, priority: UInt16 = 0, weight: UInt16 = 0
        ) -> Record { Record(option: "srv-host=\(name),\(host),\(port),\(priority),\(weight)") }

        /// A rule that leads to a service (RFC 3403, RFC 3263 §4.1).
        public static func rule(
            _ name: String, order: UInt16, preference: UInt16, _ service: String, _ replacement: String
        ) -> Record { Record(option: "naptr-record=\(name),\(order),\(preference),s,\(service),,\(replacement)") }

        /// Another name of a host.
        public static func alias(_ name: String, of host: String) -> Record {
            Record(option: "cname=\(name),\(host)")
        }
    }

    public let process: PeerProcess
    /// Where it is asked.
    public let address: TransportAddress

    private init(process: PeerProcess, address: TransportAddress) {
        self.process = process
        self.address = address
    }

    /// Starts Dnsmasq on a free port.
    ///
    /// - Parameter lifetime: how long its answers hold, in seconds.
    /// - Throws: ``PeerError``, with the install hint when Dnsmasq is missing.
    public static func start(_ records: [Record], lifetime: Int = 60, in peers: Peers) async throws -> DnsmasqPeer {
        let reservation = try PortReservation()
        let port = reservation.port
        let file = try peers.folder.write(
            """
            port=\(port)
            listen-address=127.0.0.1
            bind-interfaces
            no-resolv
            no-hosts
            local=/test/
            local-ttl=\(lifetime)
            pid-file=
            user=
            \(records.map(\.option).joined(separator: "\n"))

            """, to: "dnsmasq-\(port).conf")
        reservation.release()
        let process = try peers.start(
            PeerCommand(
                "dnsmasq", ["--keep-in-foreground", "--log-facility=-", "--conf-file=\(file)"], package: package),
            name: "dnsmasq-\(port)")
        try await process.bound(.udp, port: port)
        return DnsmasqPeer(process: process, address: .loopback(port: port))
    }
}
