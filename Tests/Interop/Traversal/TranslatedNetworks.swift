import Foundation
import Synchronization
import TestKit

/// Networks behind address translators, as `network.bash` makes them: namespaces of their own, which end with the test.
struct TranslatedNetworks {
    /// Where a phone is; `network.bash` says what each is.
    enum Site: String, CaseIterable {
        case open, ipv6, dual
        case fullCone = "full-cone"
        case restricted
        case portRestricted = "port-restricted"
        case symmetric
        case udpBlocked = "udp-blocked"
    }

    /// One of the two sites of each kind.
    enum Copy: Int { case first = 1, second }

    /// Whether this process may make them: they need the rights CAP_NET_ADMIN and CAP_SYS_ADMIN (capabilities(7)), which root has but in
    /// some containers.
    static let arePossible: Bool = {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let set = line?.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) } ?? 0
        let (administersNetworks, administersSystem) = (set >> 12 & 1, set >> 21 & 1)
        return administersNetworks == 1 && administersSystem == 1
    }()

    private static let count = Mutex(0)
    private static let script = Repository.file("Tests/Interop/Tools/network.bash")

    /// What the names of the namespaces begin with: no other process, and no other test of this one, has it.
    let prefix: String

    private init() {
        let number = Self.count.withLock { count in
            count += 1
            return count
        }
        prefix = "ito-\(ProcessInfo.processInfo.processIdentifier)-\(number)"
    }

    private func run(_ command: String, in peers: Peers) async throws {
        // Named here, so that it is known which package is missing.
        for (program, package) in [("ip", "iproute2"), ("nft", "nftables")] {
            _ = try PeerCommand(program, package: package).executable()
        }
        try await peers.run(PeerCommand("bash", [Self.script, command, prefix], package: "bash"))
    }

    /// A command inside of a namespace.
    private func command(_ command: PeerCommand, in namespace: String) -> PeerCommand {
        PeerCommand(
            "ip", ["netns", "exec", "\(prefix)-\(namespace)", command.program] + command.arguments,
            environment: command.environment, package: "iproute2")
    }

    /// A command on a host of the public network, which is 203.0.113.1 and 2001:db8::1.
    func publicly(_ command: PeerCommand) -> PeerCommand { self.command(command, in: "public") }

    /// A command at a site.
    func at(_ site: Site, _ copy: Copy, _ command: PeerCommand) -> PeerCommand {
        self.command(command, in: "\(site.rawValue)-\(copy.rawValue)")
    }

    /// A command at the translator of a site that has one.
    func translator(of site: Site, _ copy: Copy, _ command: PeerCommand) -> PeerCommand {
        self.command(command, in: "\(site.rawValue)-\(copy.rawValue)-nat")
    }

    /// Makes the networks for a test with real programs, and takes them away behind it, whatever comes of it.
    static func with(_ body: (TranslatedNetworks, Peers) async throws -> Void) async throws {
        let networks = TranslatedNetworks()
        try await withPeers { makers in
            do {
                try await networks.run("make", in: makers)
                try await withPeers { peers in try await body(networks, peers) }
            } catch {
                try? await networks.run("remove", in: makers)
                throw error
            }
            try await networks.run("remove", in: makers)
        }
    }
}
