import Glibc

/// Where a thread rests until another one calls it.
struct ThreadParking: ~Copyable, @unchecked Sendable {
    // Proof of Sendable: the memory holds a semaphore and nothing else, and belongs to this value until its end.
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        semaphore.initialize(to: sem_t())
        // Between threads, at 0: for these it cannot fail.
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    /// Rests until it is called, or was already. May return without, so that the caller looks again at what it waits for.
    func rest() { sem_wait(semaphore) }

    /// Calls the thread that rests here, or the next one that wants to.
    func call() { sem_post(semaphore) }
}
