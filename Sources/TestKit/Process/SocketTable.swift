import Glibc

/// The kernel's list of sockets of this machine (`/proc/net`).
enum SocketTable {
    /// The state of a TCP socket that accepts connections, as the kernel writes it (`TCP_LISTEN`).
    private static let listening = "0A"

    /// Whether some program has bound the UDP port, or listens on the TCP port, on any address.
    static func holds(_ transport: PeerProcess.Transport, port: UInt16) -> Bool {
        let wanted = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - wanted.count) + wanted
        return [transport.rawValue, transport.rawValue + "6"].contains { table in
            // sl  local_address rem_address st …
            return contents(of: "/proc/net/" + table).split(separator: "\n").dropFirst().contains { line in
                let fields = line.split(separator: " ", maxSplits: 4)
                return fields.count > 3 && fields[1].hasSuffix(suffix) && (transport == .udp || fields[3] == listening)
            }
        }
    }

    /// A file of the kernel, which gives it out by the page: Foundation takes the first page for all.
    private static func contents(of path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var all: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &page, page.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += page[..<count]
        }
    }
}
