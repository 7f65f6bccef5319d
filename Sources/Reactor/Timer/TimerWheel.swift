/// Names a timer that was scheduled. A handle outlives its timer: once that has fired or was cancelled, the handle names
/// nothing, also when the wheel has used the place again.
@frozen
public struct TimerHandle: Hashable, Sendable {
    @usableFromInline let index: UInt32
    @usableFromInline let generation: UInt32

    @inlinable
    init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// The handle of no timer.
    @inlinable
    public static var none: TimerHandle { TimerHandle(index: .max, generation: 0) }

    /// The handle as one number, never 0, for owners that keep it beside other numbers.
    @inlinable
    public var number: UInt64 { (UInt64(generation) << 32 | UInt64(index)) &+ 1 }

    /// The handle that `number` came from.
    @inlinable
    public init(number: UInt64) {
        let word = number &- 1
        self.init(index: UInt32(truncatingIfNeeded: word), generation: UInt32(truncatingIfNeeded: word >> 32))
    }
}

/// A timer whose time has come: who scheduled it, and the word that was given then.
@frozen
public struct ExpiredTimer: Hashable, Sendable {
    /// The client, as given to `schedule`.
    public let client: UInt32

    /// The token, as given to `schedule`.
    public let token: UInt64

    /// The handle, which names nothing any more; for clients that keep a table of handles.
    public let handle: TimerHandle
}

/// Timers in ticks of virtual time: scheduling, cancelling and firing cost the same however many there are.
///
/// A hierarchical wheel after Varghese and Lauck (1987): eight levels of 256 slots, one per byte of a tick. A timer stands at the level of the
/// highest byte in which its tick differs from the current one, and moves down when the wheel reaches its slot. So the
/// lowest occupied level always holds the next timer, bit maps find its slot, and the wheel never turns through empty ticks.
/// A tick is what the caller makes of it (a lane uses milliseconds), and any tick can be scheduled.
///
/// Timers fire in the order of their ticks, those of one tick in the order in which they were scheduled. A timer never
/// fires before its tick. Nodes come from a pool that grows by doubling and never shrinks: nothing is allocated once it
/// has reached its size.
public struct TimerWheel: ~Copyable {
    /// Ticks up to and including this one have been served.
    public private(set) var elapsed: UInt64

    /// Number of timers that wait.
    public private(set) var count = 0

    private static var levels: Int { 8 }
    private static var slotsPerLevel: Int { 256 }
    private static var wordsPerLevel: Int { 4 }

    /// The list behind all slots: timers whose tick has been reached.
    private static var dueList: Int { levels * slotsPerLevel }

    /// The end of a list of nodes.
    private static var nilIndex: UInt32 { .max }

    /// 40 bytes; POD, so that the pool grows by moving bytes.
    private struct Node {
        var tick: UInt64
        var token: UInt64
        var client: UInt32
        var generation: UInt32
        var next: UInt32
        var previous: UInt32
        /// The list the node is in; `free` when in none.
        var list: Int32
        static var free: Int32 { -1 }
    }

    /// First and last node of a slot.
    private struct List {
        var first: UInt32
        var last: UInt32
    }

    private var nodes: UnsafeMutablePointer<Node>
    private var capacity: Int
    private var firstFree: UInt32
    private let lists: UnsafeMutablePointer<List>

    /// One bit per slot, set when its list is not empty; `wordsPerLevel` words per level.
    private let occupied: UnsafeMutablePointer<UInt64>

    /// One bit per level, set when one of its slots is occupied.
    private var occupiedLevels: UInt32 = 0

    /// Makes a wheel that stands at tick `start` and has room for `capacity` timers before it grows.
    public init(start: UInt64 = 0, capacity: Int = 256) {
        elapsed = start
        self.capacity = max(capacity, 1)
        nodes = .allocate(capacity: self.capacity)
        firstFree = Self.nilIndex
        lists = .allocate(capacity: Self.dueList + 1)
        lists.initialize(repeating: List(first: Self.nilIndex, last: Self.nilIndex), count: Self.dueList + 1)
        occupied = .allocate(capacity: Self.levels * Self.wordsPerLevel)
        occupied.initialize(repeating: 0, count: Self.levels * Self.wordsPerLevel)
        addFreeNodes(from: 0)
    }

    deinit {
        nodes.deallocate()
        lists.deallocate()
        occupied.deallocate()
    }

    /// Schedules a timer for `tick`, at the earliest for the one after `elapsed`.
    public mutating func schedule(at tick: UInt64, client: UInt32, token: UInt64) -> TimerHandle {
        let index = takeFreeNode()
        let generation = nodes[Int(index)].generation
        nodes[Int(index)].tick = max(tick, elapsed &+ 1)
        nodes[Int(index)].token = token
        nodes[Int(index)].client = client
        place(index)
        count &+= 1
        return TimerHandle(index: index, generation: generation)
    }

    /// Cancels a timer. False when it has fired, was cancelled before, or never was.
    @discardableResult
    public mutating func cancel(_ handle: TimerHandle) -> Bool {
        guard isWaiting(handle) else { return false }
        unlink(handle.index)
        release(handle.index)
        return true
    }

    /// Whether the timer has neither fired nor been cancelled.
    public func isWaiting(_ handle: TimerHandle) -> Bool {
        guard Int(handle.index) < capacity else { return false }
        let node = nodes + Int(handle.index)
        return node.pointee.generation == handle.generation && node.pointee.list != Node.free
    }

    /// Takes the next timer whose tick is not after `tick`; nil when there is none left, and the wheel stands at `tick` then.
    ///
    /// Call it until nil. Timers may be scheduled and cancelled between the calls, those that are due in this round too.
    public mutating func next(until tick: UInt64) -> ExpiredTimer? {
        while true {
            let first = lists[Self.dueList].first
            if first != Self.nilIndex {
                let node = nodes + Int(first)
                let expired = ExpiredTimer(
                    client: node.pointee.client, token: node.pointee.token,
                    handle: TimerHandle(index: first, generation: node.pointee.generation))
                unlink(first)
                release(first)
                return expired
            }
            guard let slot = nextSlot, slot.tick <= tick else {
                if tick > elapsed { elapsed = tick }
                return nil
            }
            elapsed = slot.tick
            empty(slot.list)
        }
    }

    /// The tick at which `next(until:)` has something to do: that of the next timer, or an earlier one at which a timer moves
    /// down a level. Nil when no timer waits.
    public var nextTick: UInt64? {
        lists[Self.dueList].first != Self.nilIndex ? elapsed : nextSlot?.tick
    }

    // MARK: Slots

    /// The occupied slot that comes first, and the tick at which it begins.
    private var nextSlot: (list: Int, tick: UInt64)? {
        guard occupiedLevels != 0 else { return nil }
        let level = occupiedLevels.trailingZeroBitCount
        let shift = UInt64(level &* 8)
        // Slots at and before the current one are empty: their timers have fired or moved down.
        let current = Int(truncatingIfNeeded: elapsed &>> shift) & 255
        var word = current >> 6
        var bits = occupied[level &* Self.wordsPerLevel &+ word] & ~(UInt64.max &>> UInt64(63 &- (current & 63)))
        while bits == 0 {
            word += 1
            // A level is marked occupied only while one of its slots behind the current one is.
            precondition(word < Self.wordsPerLevel, "timer wheel: a level is marked occupied and is empty")
            bits = occupied[level &* Self.wordsPerLevel &+ word]
        }
        let slot = word << 6 | bits.trailingZeroBitCount
        let start = (elapsed &>> shift & ~255 | UInt64(slot)) &<< shift
        return (level &* Self.slotsPerLevel &+ slot, start)
    }

    /// Moves the timers of a slot whose first tick is `elapsed` to where they belong now.
    private mutating func empty(_ list: Int) {
        var index = lists[list].first
        lists[list] = List(first: Self.nilIndex, last: Self.nilIndex)
        markEmpty(list)
        while index != Self.nilIndex {
            let next = nodes[Int(index)].next
            place(index)
            index = next
        }
    }

    /// Puts a node at the end of the list that its tick calls for.
    private mutating func place(_ index: UInt32) {
        let node = nodes + Int(index)
        let tick = node.pointee.tick
        let difference = tick ^ elapsed
        let list: Int
        if difference == 0 {
            list = Self.dueList
        } else {
            let level = (63 &- difference.leadingZeroBitCount) >> 3
            let slot = Int(truncatingIfNeeded: tick &>> UInt64(level &* 8)) & 255
            list = level &* Self.slotsPerLevel &+ slot
            (occupied + (list >> 6)).pointee |= 1 &<< UInt64(list & 63)
            occupiedLevels |= 1 &<< UInt32(level)
        }
        let last = lists[list].last
        node.pointee.list = Int32(truncatingIfNeeded: list)
        node.pointee.next = Self.nilIndex
        node.pointee.previous = last
        lists[list].last = index
        if last == Self.nilIndex { lists[list].first = index } else { nodes[Int(last)].next = index }
    }

    private mutating func unlink(_ index: UInt32) {
        let node = nodes + Int(index)
        let list = Int(node.pointee.list)
        let (previous, next) = (node.pointee.previous, node.pointee.next)
        if previous == Self.nilIndex { lists[list].first = next } else { nodes[Int(previous)].next = next }
        if next == Self.nilIndex { lists[list].last = previous } else { nodes[Int(next)].previous = previous }
        if lists[list].first == Self.nilIndex && list != Self.dueList { markEmpty(list) }
    }

    private mutating func markEmpty(_ list: Int) {
        (occupied + (list >> 6)).pointee &= ~(1 &<< UInt64(list & 63))
        let level = list / Self.slotsPerLevel
        let words = occupied + level &* Self.wordsPerLevel
        if words[0] | words[1] | words[2] | words[3] == 0 { occupiedLevels &= ~(1 &<< UInt32(level)) }
    }

    // MARK: Pool

    private mutating func takeFreeNode() -> UInt32 {
        if firstFree == Self.nilIndex { grow() }
        let index = firstFree
        firstFree = nodes[Int(index)].next
        return index
    }

    private mutating func release(_ index: UInt32) {
        let node = nodes + Int(index)
        node.pointee.list = Node.free
        node.pointee.generation &+= 1
        node.pointee.next = firstFree
        firstFree = index
        count &-= 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Node>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: nodes, count: capacity)
        nodes.deallocate()
        nodes = larger
        let old = capacity
        capacity *= 2
        addFreeNodes(from: old)
    }

    /// Makes the nodes from `start` on the free list, the first one first.
    private mutating func addFreeNodes(from start: Int) {
        for index in (start..<capacity).reversed() {
            (nodes + index).initialize(
                to: Node(
                    tick: 0, token: 0, client: 0, generation: 1, next: firstFree, previous: Self.nilIndex,
                    list: Node.free))
            firstFree = UInt32(truncatingIfNeeded: index)
        }
    }
}

// Owns its memory alone; the pointers are never shared.
extension TimerWheel: @unchecked Sendable {}
