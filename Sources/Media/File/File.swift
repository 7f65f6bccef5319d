#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An open file; closes with its life. All calls block: never on a lane.
struct File: ~Copyable {
    private let descriptor: CInt

    /// The text of the system's last error.
    static var lastError: String { String(cString: strerror(errno)) }

    /// Opens a file to read; nil when the system refuses.
    init?(reading path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
    }

    /// Makes an empty file to write; nil when the system refuses.
    ///
    /// - Parameter isPrivate: whether only its owner may read it (mode 0600), also where it was there before; else all may that
    ///   the umask allows.
    init?(writing path: String, isPrivate: Bool = false) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, isPrivate ? 0o600 : 0o644)
        guard descriptor >= 0 else { return nil }
        // No sound is in it yet.
        if isPrivate, length != nil, fchmod(descriptor, 0o600) != 0 { return nil }
    }

    deinit {
        if descriptor >= 0 { _ = close(descriptor) }
    }

    /// Length in octets; nil when it is no ordinary file.
    var length: Int64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// Reads up to `count` octets, as far as `memory` holds them, from `offset` on.
    ///
    /// - Returns: octets read, fewer at the end of the file; nil when the system refuses.
    func read(_ count: Int, into memory: inout [UInt8], at offset: Int64) -> Int? {
        memory.withUnsafeMutableBytes { buffer in
            let wanted = min(count, buffer.count)
            var done = 0
            while done < wanted {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<wanted])
                let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + Int64(done)))
                if count < 0 {
                    if errno == EINTR { continue }
                    return nil
                }
                if count == 0 { break }
                done += count
            }
            return done
        }
    }

    /// Writes all of `bytes` at `offset`; false when the system refuses.
    func write(_ bytes: RawSpan, at offset: Int64) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
                let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + Int64(done)))
                if count < 0 {
                    if errno == EINTR { continue }
                    return false
                }
                done += count
            }
            return true
        }
    }
}
