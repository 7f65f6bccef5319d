import Glibc

/// An address of record with its bindings in one piece of memory: a header, the user, then the bindings one after another.
///
/// One allocation holds it all, so that a phone's registration takes few hundred bytes. The entry is owned by its shard,
/// which makes it, frees it, and lets nobody else see it outside of its lock.
struct AddressEntry {
    let base: UnsafeMutableRawPointer

    private enum Offset {
        static let size = 0
        static let domain = 4
        static let userCount = 6
        static let bindingCount = 8
        static let isCleared = 10
    }

    /// Bindings that an entry takes, marks of removed ones included; what an address may have stays well below.
    static let largestBindingCount = 2 * RegistrarConfiguration.largestContactCount

    /// Bytes of the header.
    static let headerSize = 12

    init(base: UnsafeMutableRawPointer) { self.base = base }

    /// Allocates an entry of a user without bindings; `bindingsSize` bytes are free for them behind `end`.
    init(domain: Int, user: UnsafeRawBufferPointer, bindingsSize: Int, isCleared: Bool) {
        base = .allocate(byteCount: Self.headerSize + user.count + bindingsSize, alignment: 16)
        base.storeBytes(of: UInt32(Self.headerSize + user.count), toByteOffset: Offset.size, as: UInt32.self)
        base.storeBytes(of: UInt16(domain), toByteOffset: Offset.domain, as: UInt16.self)
        base.storeBytes(of: UInt16(user.count), toByteOffset: Offset.userCount, as: UInt16.self)
        base.storeBytes(of: 0, toByteOffset: Offset.bindingCount, as: UInt16.self)
        base.storeBytes(of: isCleared ? 1 : 0, toByteOffset: Offset.isCleared, as: UInt8.self)
        if let source = user.baseAddress { memcpy(base + Self.headerSize, source, user.count) }
    }

    func deallocate() { base.deallocate() }

    /// Bytes in use.
    var size: Int { Int(base.loadUnaligned(fromByteOffset: Offset.size, as: UInt32.self)) }

    /// The index of the domain.
    var domain: Int { Int(base.loadUnaligned(fromByteOffset: Offset.domain, as: UInt16.self)) }

    /// The user, unescaped.
    var user: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: base + Self.headerSize,
            count: Int(base.loadUnaligned(fromByteOffset: Offset.userCount, as: UInt16.self)))
    }

    /// Number of bindings, those that have ended included.
    var bindingCount: Int { Int(base.loadUnaligned(fromByteOffset: Offset.bindingCount, as: UInt16.self)) }

    /// Whether all bindings were removed while others are loaded, so that none of those counts.
    var isCleared: Bool { base.loadUnaligned(fromByteOffset: Offset.isCleared, as: UInt8.self) != 0 }

    /// The bindings in the order in which they were made.
    var bindings: Bindings { Bindings(at: base + Self.headerSize + user.count, remaining: bindingCount) }

    /// Counts a binding that was written at `end`.
    func appended(_ binding: StoredBinding) {
        base.storeBytes(of: UInt32(size + binding.size), toByteOffset: Offset.size, as: UInt32.self)
        base.storeBytes(of: UInt16(bindingCount + 1), toByteOffset: Offset.bindingCount, as: UInt16.self)
    }

    /// Where the next binding is to be written.
    var end: StoredBinding { StoredBinding(base: base + size) }

    /// Appends a copy of a binding of another entry.
    @discardableResult
    func append(copying binding: StoredBinding) -> StoredBinding {
        let copy = end
        memcpy(copy.base, binding.base, binding.size)
        appended(copy)
        return copy
    }

    /// Appends a binding.
    @discardableResult
    func append(_ parts: StoredBinding.Parts) -> StoredBinding {
        let binding = end
        binding.write(parts)
        appended(binding)
        return binding
    }

    /// Walks over bindings that lie one after another.
    struct Bindings: Sequence, IteratorProtocol {
        fileprivate var at: UnsafeMutableRawPointer
        fileprivate var remaining: Int

        mutating func next() -> StoredBinding? {
            guard remaining > 0 else { return nil }
            remaining &-= 1
            let binding = StoredBinding(base: at)
            at += binding.size
            return binding
        }
    }
}
