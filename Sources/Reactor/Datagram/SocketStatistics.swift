import Glibc

/// What the kernel says about a UDP socket of this machine (proc_net_udp, proc(5)): queues and drops.
///
/// A datagram that is dropped at the socket is not seen by any program; retransmission hides it. So drops are a metric.
public struct SocketStatistics: Hashable, Sendable {
    /// The address that the socket is bound to.
    public let localAddress: TransportAddress

    /// Bytes of kernel memory that wait to be sent.
    public let sendQueue: UInt64

    /// Bytes of kernel memory that wait to be received.
    public let receiveQueue: UInt64

    /// The number of the socket in the system, as `ls -l /proc/PID/fd` shows it.
    public let inode: UInt64

    /// Datagrams dropped in the life of the socket, because its receive buffer was full or their checksum was wrong.
    public let drops: UInt64

    /// All UDP sockets of this machine (of this network namespace) that are bound to a port, or to any when it is nil.
    ///
    /// Reads two files of the proc file system, which takes time when there are many sockets: not for a lane.
    public static func udp(port: UInt16? = nil) -> [SocketStatistics] {
        // The kernel may list a socket twice when others come and go meanwhile.
        var inodes: Set<UInt64> = []
        return ["/proc/net/udp", "/proc/net/udp6"].flatMap { parse(contents(of: $0)) }
            .filter {
                (port == nil || $0.localAddress.port == port) && ($0.inode == 0 || inodes.insert($0.inode).inserted)
            }
    }

    /// Reads the text of `/proc/net/udp` or `/proc/net/udp6`. Lines that are not understood are left out.
    static func parse(_ text: String) -> [SocketStatistics] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 13, let address = address(fields[1]), let inode = UInt64(fields[9]),
                let drops = UInt64(fields[12])
            else { return nil }
            let queues = fields[4].split(separator: ":")
            guard queues.count == 2, let send = UInt64(queues[0], radix: 16), let receive = UInt64(queues[1], radix: 16)
            else {
                return nil
            }
            return SocketStatistics(
                localAddress: address, sendQueue: send, receiveQueue: receive, inode: inode, drops: drops)
        }
    }

    /// `0100007F:13C4`: the words of the address as this machine reads them from memory, and the port as a number.
    private static func address(_ text: Substring) -> TransportAddress? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        var words: [UInt32] = []
        var rest = parts[0]
        while !rest.isEmpty {
            guard rest.utf8.count >= 8, let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            words.append(UInt32(bigEndian: word))
            rest = rest.dropFirst(8)
        }
        switch words.count {
        case 1: return TransportAddress(ipv4: words[0], port: port)
        case 4:
            return TransportAddress(
                ipv6: UInt64(words[0]) << 32 | UInt64(words[1]), UInt64(words[2]) << 32 | UInt64(words[3]), port: port)
        default: return nil
        }
    }

    private static func contents(of path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        let chunk = 65_536
        while true {
            let count = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: chunk))
            let read = bytes.withUnsafeMutableBytes { fread($0.baseAddress! + count, 1, chunk, file) }
            bytes.removeLast(chunk - read)
            if read == 0 { return String(decoding: bytes, as: UTF8.self) }
        }
    }

    /// Memory of a socket of this process, asked of the socket itself (SO_MEMINFO, since Linux 4.12).
    static func memory(of descriptor: Int32) -> (received: UInt32, receiveBuffer: UInt32, drops: UInt32)? {
        // Nine words: allocated for receiving, receive buffer, …, and the drops last.
        var words = [UInt32](repeating: 0, count: 9)
        var length = socklen_t(36)
        guard getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, &words, &length) == 0, length >= 36 else { return nil }
        return (words[0], words[1], words[8])
    }
}
