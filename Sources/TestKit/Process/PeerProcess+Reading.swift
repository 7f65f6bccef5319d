import Foundation
import Glibc
import Synchronization

extension PeerProcess {
    /// The ends of the three pipes to and from a program: ours, and those that become its standard streams.
    struct Pipes {
        var input: (read: Int32, write: Int32)
        var output: (read: Int32, write: Int32)
        var errors: (read: Int32, write: Int32)
    }

    /// Held while pipes are made and a program starts: one that started between the making of a pipe and its being marked would
    /// inherit it and keep it open.
    private static let gate = Mutex(())

    /// Makes the pipes and starts the program with its ends of them, which are closed here.
    static func start(_ make: (Pipes) -> Spawn) throws(PeerError) -> (process: pid_t, pipes: Pipes) {
        try gate.withLock { _ throws(PeerError) in
            let pipes = Pipes(input: try socketPair(), output: try pipe(), errors: try pipe())
            defer { for end in [pipes.input.read, pipes.output.write, pipes.errors.write] { close(end) } }
            do throws(PeerError) {
                return (try make(pipes).start(), pipes)
            } catch {
                for end in [pipes.input.write, pipes.output.read, pipes.errors.read] { close(end) }
                throw error
            }
        }
    }

    /// A pipe that programs do not inherit, but for the ends that they are given.
    private static func pipe() throws(PeerError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw PeerError(.startFailed, "cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Two connected sockets, for standard input: writing to one whose reader is gone can be told to raise no SIGPIPE.
    private static func socketPair() throws(PeerError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw PeerError(.startFailed, "cannot make a pair of sockets: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }

    /// Reads a stream to its end on a thread of its own, and closes it.
    static func read(_ descriptor: Int32, into state: Watched<State>, isError: Bool) {
        Thread.detachNewThread {
            var pending: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                pending += buffer[..<count]
                guard let last = pending.lastIndex(of: UInt8(ascii: "\n")) else { continue }
                append(pending[..<last], to: state, isError: isError)
                pending.removeSubrange(...last)
            }
            if !pending.isEmpty { append(pending[...], to: state, isError: isError) }
            close(descriptor)
            state.update { $0.openStreams -= 1 }
        }
    }

    private static func append(_ bytes: ArraySlice<UInt8>, to state: Watched<State>, isError: Bool) {
        let texts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(decoding: $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0, as: UTF8.self)
        }
        state.update { state in
            for text in texts {
                state.lines.append(PeerLine(index: state.lines.count, text: text, isError: isError))
            }
        }
    }

    /// Notices the end on a thread of its own. The zombie stays, and with it the process id, until the program is reaped.
    static func awaitExit(of process: pid_t, into state: Watched<State>) {
        Thread.detachNewThread {
            var information = siginfo_t()
            while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            let status = information._sifields._sigchld.si_status
            let isOrderly = information.si_code == Int32(CLD_EXITED)
            state.update { $0.exit = isOrderly ? .code(status) : .signal(status) }
        }
    }
}
