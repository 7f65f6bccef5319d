/// The lines of a description that is not parsed otherwise (RFC 8866 §5), where they stand; nothing is allocated.
struct DescriptionLines {
    private var rest: UnsafeRawBufferPointer

    /// The lines of a session description. Those that are not of the form `x=…` are left out.
    init(_ body: UnsafeRawBufferPointer) { rest = body }

    /// The next line, without its end; nil behind the last.
    mutating func next() -> UnsafeRawBufferPointer? {
        while !rest.isEmpty {
            var end = 0
            while end < rest.count, rest[end] != 0x0A, rest[end] != 0x0D { end += 1 }
            let line = UnsafeRawBufferPointer(rebasing: rest[0..<end])
            rest = UnsafeRawBufferPointer(rebasing: rest[(end < rest.count ? end + 1 : end)..<rest.count])
            if line.count > 2, line[1] == UInt8(ascii: "=") { return line }
        }
        return nil
    }
}
