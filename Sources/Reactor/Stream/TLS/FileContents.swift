import Glibc

/// Reads small files whole; blocks, so never on a lane or a thread of streams.
enum FileContents {
    /// The bytes of a file.
    ///
    /// - Throws: `TLSConfigurationError` when it cannot be read, or is larger than `limit` bytes.
    static func read(_ path: String, limit: Int) throws(TLSConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk.prefix(count))
            guard bytes.count <= limit else {
                throw TLSConfigurationError("\(path) is larger than \(limit >> 10) kB")
            }
        }
    }

    private static func failure(_ path: String) -> TLSConfigurationError {
        TLSConfigurationError("\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
}
