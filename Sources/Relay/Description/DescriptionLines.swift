/// The lines of a description that is not parsed otherwise (RFC 8866 §5), where they stand; nothing is allocated.
struct DescriptionLines: Sequence, IteratorProtocol {
    private var rest: UnsafeRawBufferPointer

    /// The lines of a session description. Those that are not of the form `x=…` are left out.
    init(_ body: UnsafeRawBufferPointer) { rest = body }

    mutating func next() -> UnsafeRawBufferPointer? {
        while !rest.isEmpty {
            let length = rest.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? rest.count
            let line = UnsafeRawBufferPointer(rebasing: rest[..<length])
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(length + 1))
            if line.count > 2, line[1] == UInt8(ascii: "=") { return line }
        }
        return nil
    }
}
