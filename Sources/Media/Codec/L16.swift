/// L16: samples as they are, 16 bits each in network byte order, channels interleaved (RFC 3551 §4.5.11).
public enum L16 {
    /// Encodes `frame` to the octets of `memory` from `offset` on, as many whole samples as both hold.
    ///
    /// - Returns: octets written.
    public static func encode(_ frame: Span<Int16>, into memory: inout MutableRawSpan, at offset: Int = 0) -> Int {
        let count = min(frame.count, (memory.byteCount - offset) / 2)
        guard offset >= 0, count > 0 else { return 0 }
        memory.withUnsafeMutableBytes { memory in
            // Within the bounds that `count` has from both.
            frame.withUnsafeBufferPointer { frame in
                for index in 0..<count {
                    memory.storeBytes(of: frame[index].bigEndian, toByteOffset: offset &+ 2 &* index, as: Int16.self)
                }
            }
        }
        return 2 * count
    }

    /// Decodes the octets of `payload` into `frame` from `start` on, as many whole samples as both hold.
    ///
    /// - Returns: samples written.
    public static func decode(_ payload: RawSpan, into frame: inout MutableSpan<Int16>, at start: Int = 0) -> Int {
        let count = min(payload.byteCount / 2, frame.count - start)
        guard start >= 0, count > 0 else { return 0 }
        frame.withUnsafeMutableBufferPointer { frame in
            // Within the bounds that `count` has from both.
            payload.withUnsafeBytes { payload in
                for index in 0..<count {
                    let sample = payload.loadUnaligned(fromByteOffset: 2 &* index, as: Int16.self)
                    frame[start &+ index] = Int16(bigEndian: sample)
                }
            }
        }
        return count
    }
}
