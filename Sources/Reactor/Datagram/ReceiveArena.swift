import CLinux
import Glibc

/// The memory that a lane receives datagrams into, shared by all its sockets: `slots` places of `limit` bytes.
///
/// Address space, not memory: a page becomes resident when a datagram first reaches it. Slots do not begin at the same offset of
/// their pages, or all first lines would compete for the same few sets of the caches.
///
/// It stands in memory of the lane's own and is reached by pointer, which counts no references.
struct ReceiveArena: ~Copyable {
    /// Most datagrams per system call.
    let slots: Int

    /// Most bytes per datagram.
    let limit: Int

    /// The vector for recvmmsg(2); each message has one buffer, room for an address, and room for control data.
    let messages: UnsafeMutablePointer<linux_mmsghdr>

    private let memory: UnsafeMutableRawPointer
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutableRawPointer
    private let controls: UnsafeMutableRawPointer

    /// Messages whose lengths the kernel has overwritten.
    private var used = 0

    /// Room for the control data of a datagram: destination address (40 bytes) and drop count (24), with some to spare.
    static let controlRoom = 128

    /// Distance of addresses: a `sockaddr_in6`, aligned.
    static let nameRoom = 32

    init(slots: Int, limit: Int) {
        let slots = max(1, min(slots, 1_024))
        let limit = max(512, min(limit, 65_535))
        self.slots = slots
        self.limit = limit
        let stride = (limit + 63) / 64 * 64 + 17 * 64
        memory = .allocate(byteCount: slots * stride, alignment: 4_096)
        vectors = .allocate(capacity: slots)
        names = .allocate(byteCount: slots * Self.nameRoom, alignment: 64)
        controls = .allocate(byteCount: slots * Self.controlRoom, alignment: 64)
        messages = .allocate(capacity: slots)
        for slot in 0..<slots {
            vectors[slot] = iovec(iov_base: memory + slot * stride, iov_len: limit)
            var header = msghdr()
            header.msg_name = names + slot * Self.nameRoom
            header.msg_namelen = socklen_t(SocketAddressLayout.room)
            header.msg_iov = vectors + slot
            header.msg_iovlen = 1
            header.msg_control = controls + slot * Self.controlRoom
            header.msg_controllen = Self.controlRoom
            (messages + slot).initialize(to: linux_mmsghdr(header: header, length: 0))
        }
    }

    deinit {
        memory.deallocate()
        vectors.deallocate()
        names.deallocate()
        controls.deallocate()
        messages.deallocate()
    }

    /// Receives up to `count` datagrams without waiting. Returns their number or the negative error number.
    mutating func receive(from descriptor: Int32, atMost count: Int) -> Int {
        for slot in 0..<used {
            messages[slot].header.msg_namelen = socklen_t(SocketAddressLayout.room)
            messages[slot].header.msg_controllen = Self.controlRoom
        }
        let received = Int(linux_recvmmsg(descriptor, messages, UInt32(truncatingIfNeeded: count)))
        used = max(received, 0)
        return received
    }

    /// The bytes of a received datagram.
    func bytes(_ slot: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: vectors[slot].iov_base, count: Int(messages[slot].length))
    }

    /// Who sent it; nil for what is no internet address.
    func source(_ slot: Int) -> TransportAddress? {
        TransportAddress(
            socketAddress: UnsafeRawPointer(names + slot * Self.nameRoom),
            length: Int(messages[slot].header.msg_namelen))
    }

    /// The control data that came with it.
    func control(_ slot: Int) -> ControlMessages {
        let length = Int(messages[slot].header.msg_controllen)
        return ControlMessages(UnsafeRawBufferPointer(start: controls + slot * Self.controlRoom, count: length))
    }

    /// Whether it was longer than the limit.
    func isTruncated(_ slot: Int) -> Bool {
        messages[slot].header.msg_flags & Int32(MSG_TRUNC) != 0
    }
}
