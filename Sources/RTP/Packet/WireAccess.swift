// Network byte order on spans. The loads and stores are bounds checked by the span: an offset outside of it is a
// broken invariant of the caller, who compares lengths first.

extension RawSpan {
    @inlinable @inline(__always)
    func octet(at offset: Int) -> UInt8 {
        unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    @inlinable @inline(__always)
    func word16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inlinable @inline(__always)
    func word32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension MutableRawSpan {
    @inlinable @inline(__always)
    mutating func store(octet: UInt8, at offset: Int) {
        storeBytes(of: octet, toByteOffset: offset, as: UInt8.self)
    }

    @inlinable @inline(__always)
    mutating func store(word16: UInt16, at offset: Int) {
        storeBytes(of: word16.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    @inlinable @inline(__always)
    mutating func store(word32: UInt32, at offset: Int) {
        storeBytes(of: word32.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    /// Copies all of `bytes` to `offset`.
    @inlinable
    mutating func store(bytes: RawSpan, at offset: Int) {
        for index in 0..<bytes.byteCount {
            store(octet: bytes.octet(at: index), at: offset + index)
        }
    }

    /// Writes `count` zero octets from `offset` on.
    @inlinable
    mutating func storeZeros(count: Int, at offset: Int) {
        for index in 0..<count {
            store(octet: 0, at: offset + index)
        }
    }
}
