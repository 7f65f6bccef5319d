import Foundation
import Glibc

/// Talks to a running server through the control socket in its data folder.
///
/// Its calls block until the answer is there: for commands, not for servers.
public struct ControlClient: ~Copyable {
    /// How long an answer is waited for.
    public static let patience: Duration = .seconds(15)

    private let descriptor: Int32
    private var pending: [UInt8] = []

    /// Connects to the server that works with a data folder.
    ///
    /// - Returns: nil when none does.
    public init?(folder: String) {
        let path = folder + "/" + ControlSocket.fileName
        let made = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { return nil }
        guard withUnixAddress(path, { connect(made, $0, $1) == 0 }) == true else {
            close(made)
            return nil
        }
        var limit = timeval(tv_sec: Int(Self.patience.components.seconds), tv_usec: 0)
        setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        descriptor = made
    }

    deinit { close(descriptor) }

    /// Sends a request and waits for the answer.
    ///
    /// - Throws: `ServerError`: what the server answered when it could not, or that it does not answer.
    public mutating func send(_ request: ControlRequest) throws(ServerError) -> ControlResponse {
        guard let data = try? JSONEncoder().encode(request), sendAll(descriptor, Array(data) + [0x0A]) else {
            throw silent
        }
        while true {
            if let end = pending.firstIndex(of: 0x0A) {
                let line = Data(pending[..<end])
                pending.removeSubrange(...end)
                guard let response = try? JSONDecoder().decode(ControlResponse.self, from: line) else {
                    throw ServerError(
                        .environment, "the server's answer is not understood",
                        remedy: "use an ito of the server's version")
                }
                if let failure = response.failure { throw ServerError(failure) }
                return response
            }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw silent }
            pending.append(contentsOf: buffer[..<count])
        }
    }

    private var silent: ServerError {
        ServerError(.environment, "the server does not answer", remedy: "see its log, and whether it is being stopped")
    }
}
