import CLinux
import Glibc

/// The error queue of a UDP socket with IP_RECVERR (ip(7)): one entry for each ICMP message about a datagram that it has sent.
enum ErrorQueue {
    struct Report {
        let destination: TransportAddress?
        let number: Int32
        let origin: DatagramFailure.Origin
        let reporter: TransportAddress?
        let pathMTU: Int?
        let payload: [UInt8]
    }

    /// Most bytes of the quoted payload that are kept: enough for the first lines of a message.
    private static let payloadRoom = 1_024

    /// The oldest entry, removed; nil when there is none.
    static func next(_ descriptor: Int32) -> Report? {
        withUnsafeTemporaryAllocation(byteCount: payloadRoom + 512 + 32, alignment: 16) { memory in
            // The allocation has a size, so it has an address.
            let payload = memory.baseAddress!
            let control = payload + payloadRoom
            let name = control + 512
            var vector = iovec(iov_base: payload, iov_len: payloadRoom)
            return withUnsafeMutablePointer(to: &vector) { vector in
                var message = msghdr()
                message.msg_name = name
                message.msg_namelen = socklen_t(SocketAddressLayout.room)
                message.msg_iov = vector
                message.msg_iovlen = 1
                message.msg_control = control
                message.msg_controllen = 512
                let count = linux_receive_error(descriptor, &message)
                guard count >= 0 else { return nil }
                return report(message, UnsafeRawBufferPointer(start: payload, count: count))
            }
        }
    }

    private static func report(_ message: msghdr, _ payload: UnsafeRawBufferPointer) -> Report {
        let items = ControlMessages(
            UnsafeRawBufferPointer(start: message.msg_control, count: Int(message.msg_controllen)))
        let entry = items.lazy.compactMap(\.extendedError).first { _ in true }
        let error = entry?.error ?? sock_extended_err()
        let number = Int32(bitPattern: error.ee_errno)
        return Report(
            destination: message.msg_name.flatMap {
                TransportAddress(socketAddress: UnsafeRawPointer($0), length: Int(message.msg_namelen))
            },
            number: number, origin: error.ee_origin == UInt8(SO_EE_ORIGIN_LOCAL) ? .local : .network,
            reporter: entry?.offender, pathMTU: number == EMSGSIZE ? Int(error.ee_info) : nil, payload: Array(payload))
    }
}
