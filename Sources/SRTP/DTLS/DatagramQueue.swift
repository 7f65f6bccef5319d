import COpenSSL

/// What OpenSSL reads and writes in place of a socket: a datagram for each read, a datagram for each write.
final class DatagramQueue {
    /// The datagram that is being received; the memory is the caller's, and gone when it returns.
    var incoming: UnsafeRawBufferPointer?

    /// Datagrams to be sent, the oldest first.
    private(set) var outgoing: [[UInt8]] = []

    /// Datagrams that found no room.
    private(set) var dropped = 0

    /// Takes the oldest datagram to be sent.
    func take() -> [UInt8]? { outgoing.isEmpty ? nil : outgoing.removeFirst() }

    fileprivate func append(_ datagram: UnsafeRawBufferPointer) {
        if outgoing.count < DTLSContext.Limits.maximumDatagrams {
            outgoing.append(Array(datagram))
        } else {
            dropped += 1
        }
    }

    /// A source and sink for OpenSSL that is this queue, which must live longer.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    private static func of(_ bio: OpaquePointer?) -> DatagramQueue? {
        guard let bio, let data = BIO_get_data(bio) else { return nil }
        return Unmanaged<DatagramQueue>.fromOpaque(data).takeUnretainedValue()
    }

    /// How OpenSSL calls the queue. It is made once, never changed after it, and read by OpenSSL from any thread.
    private nonisolated(unsafe) static let method: OpaquePointer? = {
        let kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(kind, "datagram queue") else { return nil }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bytes, count > 0, let queue = DatagramQueue.of(bio) else { return -1 }
            openssl_clear_retry(bio)
            queue.append(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        BIO_meth_set_read(method) { bio, memory, capacity in
            guard let memory, capacity > 0, let queue = DatagramQueue.of(bio) else { return -1 }
            openssl_clear_retry(bio)
            guard let datagram = queue.incoming else {
                openssl_set_retry_read(bio)
                return -1
            }
            queue.incoming = nil
            // What does not fit is cut off, as by a socket; no record of ours would be so long.
            let count = min(datagram.count, Int(capacity))
            // It is not empty.
            UnsafeMutableRawPointer(memory).copyMemory(from: datagram.baseAddress!, byteCount: count)
            return Int32(count)
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH, BIO_CTRL_DUP: 1
            case BIO_CTRL_DGRAM_QUERY_MTU, BIO_CTRL_DGRAM_GET_FALLBACK_MTU: DTLSContext.Limits.mtu
            default: 0
            }
        }
        return method
    }()
}
