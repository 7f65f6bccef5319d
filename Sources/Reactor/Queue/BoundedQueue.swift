import Synchronization

/// A bounded queue from many threads to one: a ring of cells, after D. Vyukov.
///
/// A producer claims places by moving `tail` forward, fills them and marks each as published; the consumer takes published
/// cells in order and moves `head`. Producers never wait for one another, and one that is suspended between claim and
/// publication holds up only what comes behind it.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // Proof of Sendable: an element belongs to the producer from its claim until it is published (release), and to the
    // consumer from there (acquire) until the consumer has moved `head` past it (release, acquired by the next claim).

    private struct Cell: ~Copyable {
        /// Position of the element in the cell, plus one; anything else means that it is not published.
        let published: Atomic<UInt>
        var element: Element?
    }

    /// Number of places: a power of two.
    let capacity: Int

    private let mask: UInt
    private let cells: UnsafeMutablePointer<Cell>

    // Producers and the consumer write on cache lines of their own.
    private let leadingGap = InlineArray<8, UInt64>(repeating: 0)
    private let tail = Atomic<UInt>(0)
    private let middleGap = InlineArray<8, UInt64>(repeating: 0)
    private let head = Atomic<UInt>(0)
    private let trailingGap = InlineArray<8, UInt64>(repeating: 0)

    /// Makes a queue with at least `capacity` places.
    init(capacity: Int) {
        var places = 2
        while places < capacity { places *= 2 }
        self.capacity = places
        mask = UInt(places - 1)
        cells = .allocate(capacity: places)
        for index in 0..<places {
            (cells + index).initialize(to: Cell(published: Atomic(0), element: nil))
        }
    }

    deinit {
        cells.deinitialize(count: capacity)
        cells.deallocate()
    }

    /// Number of elements that are claimed and not taken yet; exact only when nobody else is at work.
    var count: Int {
        let taken = head.load(ordering: .relaxed)
        return Int(bitPattern: tail.load(ordering: .relaxed) &- taken)
    }

    /// Adds an element if that leaves at least `reserve` places free. From any thread.
    func offer(_ element: consuming Element, reserve: Int) -> Bool {
        guard let (position, _) = claim(1, reserve: reserve) else { return false }
        publish(element, at: position)
        return true
    }

    /// Adds elements, as many from the first on as leave at least `reserve` places free; returns their number.
    func offer(_ elements: [Element], reserve: Int) -> Int {
        guard !elements.isEmpty, let (position, count) = claim(elements.count, reserve: reserve) else { return 0 }
        var next = position
        for element in elements.prefix(count) {
            publish(element, at: next)
            next &+= 1
        }
        return count
    }

    private func claim(_ wanted: Int, reserve: Int) -> (position: UInt, count: Int)? {
        var position = tail.load(ordering: .relaxed)
        while true {
            let used = Int(bitPattern: position &- head.load(ordering: .acquiring))
            // Negative when others have moved both ends since `position` was read: the exchange fails and reads again.
            let count = min(wanted, capacity - used - reserve)
            guard count > 0 else { return nil }
            let (exchanged, original) = tail.weakCompareExchange(
                expected: position, desired: position &+ UInt(count), ordering: .relaxed)
            if exchanged { return (position, count) }
            position = original
        }
    }

    private func publish(_ element: consuming Element, at position: UInt) {
        let cell = cells + Int(bitPattern: position & mask)
        cell.pointee.element = consume element
        cell.pointee.published.store(position &+ 1, ordering: .releasing)
    }

    /// Whether `take` would return an element. Consumer only.
    var hasNext: Bool {
        let position = head.load(ordering: .relaxed)
        return cells[Int(bitPattern: position & mask)].published.load(ordering: .acquiring) == position &+ 1
    }

    /// Takes the oldest element; nil when none is published. Consumer only.
    func take() -> Element? {
        let position = head.load(ordering: .relaxed)
        let cell = cells + Int(bitPattern: position & mask)
        guard cell.pointee.published.load(ordering: .acquiring) == position &+ 1 else { return nil }
        let element = cell.pointee.element.take()
        head.store(position &+ 1, ordering: .releasing)
        return element
    }
}
