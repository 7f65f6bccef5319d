import COpenSSL

/// Octets that are erased when nobody needs them any more (RFC 7714 §13.1), and that never show in text.
///
/// `@unchecked Sendable`: the octets are written by the initialiser and never after it.
final class SecretBytes: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    init(count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        fill(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
        self.memory = memory
        self.count = count
    }

    convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    let count: Int

    /// Lends the octets; they stay while `body` runs.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }

    /// Whether the octets are the same; takes equally long whatever they are.
    func holds(_ other: SecretBytes) -> Bool {
        count == other.count
            && withBytes { mine in other.withBytes { CRYPTO_memcmp(mine.baseAddress, $0.baseAddress, mine.count) } }
                == 0
    }

    /// A copy of the octets, which is not erased.
    var octets: [UInt8] { withBytes { Array($0) } }

    deinit {
        OPENSSL_cleanse(memory.baseAddress, memory.count)
        memory.deallocate()
    }
}
