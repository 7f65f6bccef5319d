/// The bytes of a run, one by one, to choose what happens by; zeros behind their end.
struct Input {
    private let bytes: [UInt8]
    private var at = 0

    /// Takes what libFuzzer gives.
    init(_ data: UnsafePointer<UInt8>?, _ count: Int) {
        bytes = Array(UnsafeBufferPointer(start: data, count: data == nil ? 0 : count))
    }

    var isEmpty: Bool { at >= bytes.count }

    mutating func next() -> UInt8 {
        defer { at += 1 }
        return at < bytes.count ? bytes[at] : 0
    }

    mutating func word() -> UInt32 { (0..<4).reduce(0) { word, _ in word << 8 | UInt32(next()) } }

    /// As many bytes as the next one says.
    mutating func run() -> [UInt8] {
        let size = Int(next())
        return (0..<size).map { _ in next() }
    }
}
