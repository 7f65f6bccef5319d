import Synchronization

/// Work for the signalling lane, which the test does itself.
final class Post: Sendable {
    private let works = Mutex<[@Sendable () -> Void]>([])
    private let (arrivals, arrive) = AsyncStream.makeStream(of: Void.self)

    func add(_ work: @escaping @Sendable () -> Void) {
        works.withLock { $0.append(work) }
        arrive.yield()
    }

    /// Does all that has come.
    func deliver() {
        let due = works.withLock { works in
            defer { works = [] }
            return works
        }
        for work in due { work() }
    }

    /// Waits for work, and does it.
    func deliverNext() async {
        var iterator = arrivals.makeAsyncIterator()
        await iterator.next()
        deliver()
    }
}
