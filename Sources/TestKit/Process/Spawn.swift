import Glibc

/// One start of a program with `posix_spawn`: in a process group of its own, with three standard streams.
struct Spawn {
    var executable: String
    var arguments: [String]
    /// The whole environment of the program.
    var environment: [String: String]
    /// The working folder.
    var folder: String
    /// Descriptors that become standard input, output and error; `nil` is `/dev/null`.
    var input: Int32?
    var output: Int32?
    var errors: Int32?

    /// The shell that changes to the folder, its first argument, and becomes the program: `posix_spawn` cannot portably do the former.
    private static let inFolder = ["/bin/sh", "-c", #"cd "$1" && shift && exec "$@""#, "sh"]

    /// Starts the program; its process id is also that of its group.
    ///
    /// - Throws: ``PeerError`` with the code `startFailed`.
    func start() throws(PeerError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [(0, input), (1, output), (2, errors)] as [(Int32, Int32?)] {
            if let source {
                posix_spawn_file_actions_adddup2(&actions, source, target)
            } else {
                posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
            }
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var everySignal = sigset_t()
        var noSignal = sigset_t()
        sigfillset(&everySignal)
        sigemptyset(&noSignal)
        posix_spawnattr_setsigdefault(&attributes, &everySignal)
        posix_spawnattr_setsigmask(&attributes, &noSignal)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var process: pid_t = 0
        let status = Self.withStrings(Self.inFolder + [folder, executable] + arguments) { arguments in
            Self.withStrings(environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&process, Self.inFolder[0], &actions, &attributes, arguments, environment)
            }
        }
        guard status == 0 else {
            throw PeerError(.startFailed, "cannot start \(executable): \(String(cString: strerror(status)))")
        }
        // Phones work in real time, and wait for nothing else that the machine does. A refusal is no reason to start nothing.
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(process), Self.niceness)
        return process
    }

    /// Niceness of the programs, where the test may raise it (setpriority(2)).
    private static let niceness: Int32 = -10

    /// Calls with a null-terminated array of C strings.
    private static func withStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
