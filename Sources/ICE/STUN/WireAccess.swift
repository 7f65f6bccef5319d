// Network byte order on spans. The loads and stores are bounds checked by the span: an offset outside of it is a broken
// invariant of the caller, who compares lengths first.

extension RawSpan {
    @inline(__always)
    func octet(at offset: Int) -> UInt8 { unsafeLoad(fromByteOffset: offset, as: UInt8.self) }

    @inline(__always)
    func word16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    func word32(at offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    func word64(at offset: Int) -> UInt64 {
        UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// A copy of some octets, which must be there.
    func array(_ range: Range<Int>) -> [UInt8] {
        extracting(range).withUnsafeBytes { [UInt8]($0) }
    }
}

extension MutableRawSpan {
    @inline(__always)
    mutating func store(octet: UInt8, at offset: Int) { storeBytes(of: octet, toByteOffset: offset, as: UInt8.self) }

    @inline(__always)
    mutating func store(word16: UInt16, at offset: Int) {
        storeBytes(of: word16.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    @inline(__always)
    mutating func store(word32: UInt32, at offset: Int) {
        storeBytes(of: word32.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inline(__always)
    mutating func store(word64: UInt64, at offset: Int) {
        storeBytes(of: word64.bigEndian, toByteOffset: offset, as: UInt64.self)
    }
}
