import Dispatch
import Foundation
import Glibc
import Synchronization

/// The socket through which the commands of `ito` talk to a running server: `control.sock` in its data folder, for its owner
/// only, with a line of JSON for each request and each answer.
///
/// One thread serves all connections, one request after another; it is none of the lanes, and may wait.
final class ControlSocket: Sendable {
    /// The name of the socket in the data folder.
    static let fileName = "control.sock"
    /// The most connections at once; further ones wait.
    static let connectionLimit = 32
    /// The most bytes of a request.
    static let requestLimit = 64 << 10
    /// How long a client that does not read its answer is waited for.
    static let sendPatience: Duration = .seconds(2)

    private let path: String
    private let listener: Int32
    /// A pipe: what is written to its end wakes the thread.
    private let wake: (end: Int32, start: Int32)
    private let isStopping = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)
    private let serve: @Sendable (ControlRequest) async -> ControlResponse

    /// Opens the socket and starts its thread.
    ///
    /// - Parameter serve: carries a request out.
    /// - Throws: `ServerError` when the socket cannot be had.
    init(
        folder: String, _ serve: @escaping @Sendable (ControlRequest) async -> ControlResponse
    ) throws(ServerError) {
        path = folder + "/" + Self.fileName
        self.serve = serve
        // Only the server that holds the lock of the folder comes here, so that a socket that is there is a dead one's.
        unlink(path)
        let path = path
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure(path) }
        let bound = withUnixAddress(path) { address, length in
            fchmod(descriptor, 0o600) == 0 && bind(descriptor, address, length) == 0 && chmod(path, 0o600) == 0
        }
        guard let bound else {
            close(descriptor)
            throw ServerError(
                .environment, "the path of the control socket is too long: \(path)",
                remedy: "name a data folder with a shorter path with --data DIR")
        }
        guard bound, listen(descriptor, 16) == 0 else {
            let error = Self.failure(path)
            close(descriptor)
            throw error
        }
        listener = descriptor
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            let error = Self.failure(path)
            close(descriptor)
            throw error
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wake = (end: ends[0], start: ends[1])
        let thread = Thread { [self] in loop() }
        thread.name = "control"
        thread.start()
    }

    deinit {
        close(wake.end)
        close(wake.start)
    }

    private static func failure(_ path: String) -> ServerError {
        ServerError(
            .environment, "cannot open the control socket \(path): \(String(cString: strerror(errno)))",
            remedy: "let the server's user write the data folder")
    }

    /// Closes the socket; an answer that is being written is finished.
    func stop() {
        guard !isStopping.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        _ = write(wake.start, &byte, 1)
    }

    /// Waits until the thread has ended.
    func stopped() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [ended] in
                ended.wait()
                ended.signal()
                continuation.resume()
            }
        }
    }

    // MARK: On the thread

    private struct Connection {
        var descriptor: Int32
        var pending: [UInt8] = []
    }

    private func loop() {
        var connections: [Connection] = []
        while !isStopping.load(ordering: .acquiring) {
            let isFull = connections.count >= Self.connectionLimit
            var descriptors = [pollfd(fd: wake.end, events: Int16(POLLIN), revents: 0)]
            descriptors.append(pollfd(fd: isFull ? -1 : listener, events: Int16(POLLIN), revents: 0))
            descriptors += connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
            for index in connections.indices.reversed() where descriptors[index + 2].revents != 0 {
                if !read(&connections[index]) {
                    close(connections[index].descriptor)
                    connections.remove(at: index)
                }
            }
            if descriptors[1].revents != 0 { accept(into: &connections) }
        }
        for connection in connections { close(connection.descriptor) }
        close(listener)
        unlink(path)
        ended.signal()
    }

    private func accept(into connections: inout [Connection]) {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var limit = timeval(tv_sec: Int(Self.sendPatience.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        connections.append(Connection(descriptor: descriptor))
    }

    /// Reads what has come and answers the requests in it; false when the connection is over.
    private func read(_ connection: inout Connection) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(connection.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        guard count > 0 else { return false }
        connection.pending.append(contentsOf: buffer[..<count])
        while let end = connection.pending.firstIndex(of: 0x0A) {
            let line = Data(connection.pending[..<end])
            connection.pending.removeSubrange(...end)
            guard answer(line, connection.descriptor) else { return false }
        }
        return connection.pending.count <= Self.requestLimit
    }

    private func answer(_ line: Data, _ descriptor: Int32) -> Bool {
        let response: ControlResponse
        if let request = try? JSONDecoder().decode(ControlRequest.self, from: line) {
            response = wait(for: request)
        } else {
            response = ControlResponse(
                ServerError(.usage, "the request is not understood", remedy: "use an ito of the server's version"))
        }
        guard let line = response.line else { return false }
        return sendAll(descriptor, line)
    }

    private func wait(for request: ControlRequest) -> ControlResponse {
        let done = DispatchSemaphore(value: 0)
        let holder = ResponseHolder()
        Task.detached { [serve] in
            let response = await serve(request)
            holder.response.withLock { $0 = response }
            done.signal()
        }
        done.wait()
        return holder.response.withLock { $0 } ?? ControlResponse()
    }
}

/// Carries an answer from the task that made it to the thread that waits.
private final class ResponseHolder: Sendable {
    let response = Mutex<ControlResponse?>(nil)
}
