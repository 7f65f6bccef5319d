import Glibc

/// A part of the table: an index by keyed hash with open addressing, and the entries it owns.
///
/// A slot takes 16 bytes and says, beside where the entry is, when its first binding ends and whether it wants
/// keep-alives, so that sweeps and pings go over slots and touch few entries. The place of a slot follows from the upper
/// bits of the hash: a position in the order of hashes keeps its meaning when the index grows.
///
/// Unchecked: the memory is reached through the shard alone, and a shard is touched under its mutex alone.
struct BindingShard: ~Copyable, @unchecked Sendable {
    struct Slot {
        /// The address of the entry, 0 for a free slot; the lowest bit says whether a binding needs pings.
        var word: UInt = 0
        /// The upper 32 bits of the hash of domain and user.
        var tag: UInt32 = 0
        /// When the first of the bindings ends.
        var earliest = WallTime(seconds: 0)

        static let needsPings: UInt = 1

        var isFree: Bool { word == 0 }
        var needsPings: Bool { word & Self.needsPings != 0 }

        /// The entry; the slot must not be free.
        var entry: AddressEntry {
            // A slot that is not free holds the address of an allocation, which is never zero.
            AddressEntry(base: UnsafeMutableRawPointer(bitPattern: word & ~Self.needsPings)!)
        }
    }

    private(set) var slots: UnsafeMutablePointer<Slot>
    /// The number of slots is two to this power.
    private(set) var bits: UInt32
    /// Addresses of record in the shard.
    private(set) var count = 0
    /// Bindings in the shard, those that have ended and were not swept included.
    var bindingCount = 0
    /// Changes on their way to the journal.
    var outbox = JournalOutbox()

    /// The smallest index has eight slots.
    private static let smallestBits: UInt32 = 3
    /// The largest has as many as tags can tell apart.
    private static let largestBits: UInt32 = 30

    init() {
        bits = Self.smallestBits
        slots = Self.allocate(bits)
    }

    deinit {
        for i in 0..<slotCount where !slots[i].isFree { slots[i].entry.deallocate() }
        slots.deallocate()
    }

    private static func allocate(_ bits: UInt32) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: 1 << Int(bits))
        slots.initialize(repeating: Slot(), count: 1 << Int(bits))
        return slots
    }

    var slotCount: Int { 1 << Int(bits) }
    private var mask: Int { slotCount &- 1 }
    private func home(_ tag: UInt32) -> Int { Int(tag >> (32 &- bits)) }

    // MARK: Index

    /// The slot of an address of record; nil when it is not there.
    func find(_ tag: UInt32, _ domain: Int, _ user: UnsafeRawBufferPointer) -> Int? {
        var index = home(tag)
        while !slots[index].isFree {
            if slots[index].tag == tag {
                let entry = slots[index].entry
                if entry.domain == domain, equal(entry.user, user) { return index }
            }
            index = (index &+ 1) & mask
        }
        return nil
    }

    /// The slots of the addresses of record with a hash: nearly always one, or none.
    func slots(of tag: UInt32) -> [Int] {
        var found: [Int] = []
        var index = home(tag)
        while !slots[index].isFree {
            if slots[index].tag == tag { found.append(index) }
            index = (index &+ 1) & mask
        }
        return found
    }

    /// Takes an entry in that is not there yet; returns its slot.
    mutating func insert(_ entry: AddressEntry, _ tag: UInt32) -> Int {
        // At most three quarters of the slots are taken, and so a search always meets a free one.
        if (count &+ 1) &* 4 > slotCount &* 3, bits < Self.largestBits { grow() }
        count &+= 1
        return place(Slot(word: UInt(bitPattern: entry.base), tag: tag))
    }

    private func place(_ slot: Slot) -> Int {
        var index = home(slot.tag)
        while !slots[index].isFree { index = (index &+ 1) & mask }
        slots[index] = slot
        return index
    }

    private mutating func grow() {
        let old = slots
        let oldCount = slotCount
        bits &+= 1
        slots = Self.allocate(bits)
        for i in 0..<oldCount where !old[i].isFree { _ = place(old[i]) }
        old.deallocate()
    }

    /// Puts another entry in the place of one that it replaces, which is freed.
    mutating func replace(_ index: Int, _ entry: AddressEntry) {
        slots[index].entry.deallocate()
        slots[index].word = UInt(bitPattern: entry.base)
    }

    /// Notes in a slot what its bindings say.
    func summarise(_ index: Int) {
        let entry = slots[index].entry
        var earliest = WallTime(seconds: entry.bindingCount == 0 ? 0 : .max)
        var word = UInt(bitPattern: entry.base)
        for binding in entry.bindings {
            earliest = min(earliest, binding.expires)
            if binding.needsPings { word |= Slot.needsPings }
        }
        slots[index].word = word
        slots[index].earliest = earliest
    }

    /// Frees an entry and its slot; what stands behind moves up, so that no search stops too early.
    mutating func remove(_ index: Int) {
        slots[index].entry.deallocate()
        count &-= 1
        var hole = index
        var next = (index &+ 1) & mask
        while !slots[next].isFree {
            // The slot may move when its home is not between the hole and where it stands.
            if (next &- home(slots[next].tag)) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next &+ 1) & mask
        }
        slots[hole] = Slot()
    }

    /// The first slot that begins at or behind a position in the order of hashes, 0 to two to the power of 32.
    func firstSlot(from position: UInt64) -> Int {
        let width = 32 &- UInt64(bits)
        return min(slotCount, Int((position &+ (1 << width) &- 1) >> width))
    }

    /// The position at which a slot begins.
    func position(of slot: Int) -> UInt64 { UInt64(slot) << UInt64(32 &- bits) }
}
