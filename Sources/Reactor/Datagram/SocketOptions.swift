import Glibc

/// Options of sockets as plain calls.
enum SocketOptions {
    /// Sets an integer option; false when the system refuses.
    @discardableResult
    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Reads an integer option.
    static func get(_ descriptor: Int32, _ level: Int32, _ option: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, level, option, &value, &length) == 0 ? value : nil
    }

    /// Takes the pending error of a socket, 0 when there is none.
    static func takeError(_ descriptor: Int32) -> Int32 {
        get(descriptor, SOL_SOCKET, SO_ERROR) ?? 0
    }
}
