import CLinux

/// The system's list of servers of DNS, as far as it tells whether another one has been written.
struct DNSServerList {
    private static let path = "/etc/resolv.conf"

    private var version = linux_file_version(Self.path)

    /// Whether the list has changed since this was asked last.
    mutating func hasChanged() -> Bool {
        let now = linux_file_version(Self.path)
        defer { version = now }
        return now != version
    }
}
