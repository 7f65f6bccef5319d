import Glibc

/// Calls `body` with the socket address of a path; nil when the path is too long for one (107 bytes on Linux).
func withUnixAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
        guard bytes.count < room.count, !bytes.contains(0) else { return false }
        room.copyBytes(from: bytes)
        return true
    }
    guard fits else { return nil }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}

/// Sends all bytes on a socket that blocks; false when the other end is gone.
func sendAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
        var at = 0
        while at < buffer.count {
            let rest = UnsafeRawBufferPointer(rebasing: buffer[at...])
            let count = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            at += count
        }
        return true
    }
}
