import Glibc
import Synchronization

/// Ends the programs of a test process that died without ending them itself.
///
/// A shell of its own listens on a pipe whose other end only the test process holds. It is told the process groups
/// that start and end; when the pipe closes, because the test process crashed or was killed, it kills
/// what is left.
enum PeerWatchdog {
    private static let script = """
        groups=' '
        while read -r what group; do
            case $what in
                +) groups="$groups$group " ;;
                -) case $groups in *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;; esac ;;
            esac
        done
        for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
        """

    /// The pipe's end to write to, or -1 when the shell could not be started.
    private static let pipe = Mutex<Int32?>(nil)

    static func started(group: pid_t) { tell("+ \(group)\n") }

    static func ended(group: pid_t) { tell("- \(group)\n") }

    private static func tell(_ line: String) {
        pipe.withLock { pipe in
            let descriptor = pipe ?? start()
            pipe = descriptor
            guard descriptor >= 0 else { return }
            // A short line fits the pipe whole. When the shell is gone there is no one to tell.
            _ = Array(line.utf8).withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }

    private static func start() -> Int32 {
        var ends: [Int32] = [-1, -1]
        // A pair of sockets instead of a pipe: writing to a dead one then raises no SIGPIPE.
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return -1 }
        let spawned = try? Spawn(
            executable: "/bin/sh", arguments: ["-c", script], environment: [:], folder: "/",
            input: ends[1], output: nil, errors: nil
        ).start()
        close(ends[1])
        guard spawned != nil else {
            close(ends[0])
            return -1
        }
        return ends[0]
    }
}
