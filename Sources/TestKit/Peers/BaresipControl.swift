import Foundation
import Glibc
import Synchronization

/// The control connection to baresip (its module `ctrl_tcp`): JSON objects in netstrings (`LENGTH:BYTES,`) both ways.
final class BaresipControl: Sendable {
    private let descriptor: Int32
    private let nextToken = Mutex(0)
    /// All that baresip has told, in order.
    let messages = Watched<[BaresipMessage]>([])

    /// Connects to a baresip that listens.
    init(address: String, port: UInt16) throws(PeerError) {
        guard let remote = SocketAddress(address, port) else {
            throw PeerError(.startFailed, "\(address) is no numeric address")
        }
        let descriptor = socket(remote.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, remote.withPointer({ connect(descriptor, $0, $1) }) == 0 else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw PeerError(.startFailed, "cannot connect to baresip's control port \(port): \(reason)")
        }
        self.descriptor = descriptor
        Self.read(descriptor, into: messages)
    }

    /// Ends the reading thread too, which closes the descriptor.
    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Sends a command and waits for its answer.
    ///
    /// - Throws: ``PeerError``: `refused` with baresip's words, `ended` when it no longer listens, `timedOut`.
    @discardableResult
    func command(_ name: String, _ parameters: String?) async throws -> String {
        let token = nextToken.withLock { token in
            token += 1
            return String(token)
        }
        var object = ["command": name, "token": token]
        object["params"] = parameters
        let body = try JSONSerialization.data(withJSONObject: object)
        let frame = Array("\(body.count):".utf8) + body + Array(",".utf8)
        let sent = frame.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard sent == frame.count else { throw PeerError(.ended, "baresip no longer takes commands") }
        let answer = try await messages.first(within: PeerProcess.patience) { messages in
            messages.lazy.compactMap(\.answer).first { $0.token == token }
        }
        guard let answer else { throw PeerError(.timedOut, "baresip did not answer the command '\(name)'") }
        guard answer.isAccepted else {
            throw PeerError(.refused, "baresip refused '\(name) \(parameters ?? "")': \(answer.text)")
        }
        return answer.text
    }

    private static func read(_ descriptor: Int32, into messages: Watched<[BaresipMessage]>) {
        Thread.detachNewThread {
            var pending: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                pending += buffer[..<count]
                while let body = nextNetstring(&pending) {
                    messages.update { messages in
                        if let message = BaresipMessage(body, index: messages.count) { messages.append(message) }
                    }
                }
            }
            close(descriptor)
        }
    }

    /// Takes the first complete netstring's content off the front.
    private static func nextNetstring(_ pending: inout [UInt8]) -> [UInt8]? {
        guard let colon = pending.firstIndex(of: UInt8(ascii: ":")),
            let length = Int(String(decoding: pending[..<colon], as: UTF8.self)),
            pending.count >= colon + 1 + length + 1
        else { return nil }
        let body = Array(pending[(colon + 1)...].prefix(length))
        pending.removeFirst(colon + 1 + length + 1)
        return body
    }
}
