import Foundation

/// The kernel's list of sockets of this machine (`/proc/net`).
enum SocketTable {
    /// The state of a TCP socket that accepts connections, as the kernel writes it (`TCP_LISTEN`).
    private static let listening = "0A"

    /// Whether some program has bound the UDP port, or listens on the TCP port, on any address.
    static func holds(_ transport: PeerProcess.Transport, port: UInt16) -> Bool {
        let wanted = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - wanted.count) + wanted
        return [transport.rawValue, transport.rawValue + "6"].contains { table in
            guard let data = FileManager.default.contents(atPath: "/proc/net/" + table) else { return false }
            // sl  local_address rem_address st …
            return String(decoding: data, as: UTF8.self).split(separator: "\n").dropFirst().contains { line in
                let fields = line.split(separator: " ", maxSplits: 4)
                return fields.count > 3 && fields[1].hasSuffix(suffix) && (transport == .udp || fields[3] == listening)
            }
        }
    }
}
