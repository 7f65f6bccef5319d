import Glibc
import SIP

/// The key of the tokens in our Record-Route values, kept in the data folder so that dialogs outlive a restart.
enum RouteKey {
    /// The name of the file: 16 bytes, for its owner only.
    static let fileName = "route.key"

    /// Reads the key, or makes one when there is none yet.
    ///
    /// - Throws: `ServerError` when the file cannot be read or written, or holds something else.
    static func load(folder: String) throws(ServerError) -> SipHash {
        let path = folder + "/" + fileName
        var bytes = [UInt8](repeating: 0, count: 17)
        let existing = open(path, O_RDONLY | O_CLOEXEC)
        if existing >= 0 {
            let count = read(existing, &bytes, bytes.count)
            close(existing)
            guard count == 16 else {
                throw ServerError(
                    .environment, "\(path) is damaged",
                    remedy: "remove it; dialogs that are under way then lose the server")
            }
            return key(bytes)
        }
        var generator = SystemRandomNumberGenerator()
        for i in 0..<16 { bytes[i] = generator.next() }
        try PrivateFile.write(Array(bytes[..<16]), to: path)
        return key(bytes)
    }

    private static func key(_ bytes: [UInt8]) -> SipHash {
        bytes.withUnsafeBytes {
            SipHash(
                key: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
    }
}
