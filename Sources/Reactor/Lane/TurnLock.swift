import Glibc

/// Held by the thread that runs a turn of a lane: the lane's own, or one of another lane that does its work while it sleeps.
///
/// The lane's own thread lets go of it only while it waits in epoll, so that it finds it free nearly always.
struct TurnLock: ~Copyable, @unchecked Sendable {
    // Proof of Sendable: the memory holds a mutex and nothing else, and belongs to this value until its end.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        mutex = .allocate(capacity: 1)
        // Of the default attributes, for which it cannot fail here.
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func lock() { pthread_mutex_lock(mutex) }

    /// Takes the lock when nobody has it, the caller included.
    func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }

    func unlock() { pthread_mutex_unlock(mutex) }
}
