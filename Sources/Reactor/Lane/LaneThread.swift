import Glibc

/// A thread of our own: its end can be waited for once, or it is left to itself.
struct LaneThread: ~Copyable, Sendable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Signals of the process are served by other threads; those that say what this thread did wrong stay with it.
    private static let ownSignals = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF]

    /// Starts a thread that runs `body` and ends.
    static func start(_ body: @escaping @Sendable () -> Void) throws(SocketError) -> LaneThread {
        var blocked = sigset_t()
        var previous = sigset_t()
        sigfillset(&blocked)
        for signal in ownSignals { sigdelset(&blocked, signal) }
        pthread_sigmask(SIG_SETMASK, &blocked, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

        let start = Unmanaged.passRetained(Start(body))
        var handle = pthread_t()
        let result = pthread_create(
            &handle, nil,
            { context in
                // The pointer is the one given below, and comes here once.
                Unmanaged<Start>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            throw SocketError(result, "start a thread")
        }
        return LaneThread(handle: handle)
    }

    private init(handle: pthread_t) { self.handle = handle }

    deinit { pthread_detach(handle) }

    /// Waits for the end of the thread.
    consuming func join() {
        pthread_join(handle, nil)
        discard self
    }
}
