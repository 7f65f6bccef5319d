#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Appends bytes to memory: its own, which grows, or a fixed piece lent by the caller, such as a slot of a send batch.
///
/// In lent memory a write that does not fit writes nothing, and `overflowed` is true from then on; the caller looks
/// once, at the end.
public struct ByteWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    /// Bytes written so far.
    public private(set) var count: Int
    @usableFromInline var capacity: Int
    private let ownsMemory: Bool

    /// Whether a write did not fit into lent memory.
    public private(set) var overflowed: Bool

    /// Makes a writer with memory of its own; `capacity` bytes are reserved at once.
    public init(capacity: Int = 1_024) {
        self.capacity = max(64, capacity)
        base = .allocate(capacity: self.capacity)
        count = 0
        ownsMemory = true
        overflowed = false
    }

    /// Makes a writer into memory that the caller lends and keeps alive as long as the writer.
    public init(into memory: UnsafeMutableRawBufferPointer) {
        // An empty buffer may have no address; nothing is written through the placeholder since capacity is zero.
        base = memory.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafeMutablePointer(bitPattern: 1)!
        capacity = memory.count
        count = 0
        ownsMemory = false
        overflowed = false
    }

    deinit {
        if ownsMemory { base.deallocate() }
    }

    /// Forgets what was written and keeps the memory.
    public mutating func removeAll() {
        count = 0
        overflowed = false
    }

    /// What was written; valid until the next change.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// A copy of what was written.
    public var array: [UInt8] { [UInt8](bytes) }

    @usableFromInline
    mutating func reserve(_ more: Int) -> Bool {
        if capacity - count >= more { return true }
        guard ownsMemory else {
            overflowed = true
            return false
        }
        let larger = max(capacity * 2, count + more)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        memory.update(from: base, count: count)
        base.deallocate()
        base = memory
        capacity = larger
        return true
    }

    /// Appends bytes from anywhere.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0, reserve(bytes.count) else { return }
        memcpy(base + count, source, bytes.count)
        count &+= bytes.count
    }

    /// Appends `length` bytes that start at `source`.
    public mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        guard length > 0, reserve(length) else { return }
        memcpy(base + count, source, length)
        count &+= length
    }

    /// Appends a literal.
    public mutating func append(_ text: StaticString) {
        append(text.utf8Start, text.utf8CodeUnitCount)
    }

    /// Appends one byte.
    public mutating func append(_ byte: UInt8) {
        guard reserve(1) else { return }
        base[count] = byte
        count &+= 1
    }

    /// Appends an array.
    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends the UTF-8 form of a string. Literals are not to become one first, which costs memory and references.
    @_disfavoredOverload
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends a number in decimal.
    public mutating func append(decimal value: UInt64) {
        var length = 1
        var rest = value / 10
        while rest > 0 {
            length &+= 1
            rest /= 10
        }
        guard reserve(length) else { return }
        rest = value
        var i = count &+ length
        while i > count {
            i &-= 1
            base[i] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
            rest /= 10
        }
        count &+= length
    }

    /// Appends a number in decimal; negative ones are written as zero, which no header allows to go below.
    public mutating func append(decimal value: Int) {
        append(decimal: UInt64(max(0, value)))
    }

    /// Appends 16 hexadecimal digits, small letters.
    public mutating func append(hexadecimal value: UInt64) {
        guard reserve(16) else { return }
        for i in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt64(60 - 4 * i)) & 0xF)
            base[count + i] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        count += 16
    }

    /// Replaces a byte that was written, for lengths known afterwards.
    public mutating func patch(_ byte: UInt8, at offset: Int) {
        precondition(offset < count, "patch behind what was written")
        base[offset] = byte
    }
}
