extension SessionDescription {
    /// Appends the bytes of the description. Lines that were not edited are written as they came.
    public func serialise(into bytes: inout [UInt8]) {
        var lines = [versionLine, originLine] + section.lines
        for media in media {
            lines.append(media.line)
            lines += media.section.lines
        }
        bytes.reserveCapacity(bytes.count + lines.reduce(trailer.count * 2) { $0 + $1.value.count + 4 })
        for (index, line) in lines.enumerated() {
            bytes.append(line.type.rawValue)
            bytes.append(.equals)
            bytes += line.value.bytes
            // Only the last line may go without an ending, or it would swallow what was added behind it.
            let isLast = index == lines.count - 1 && trailer.isEmpty
            bytes += line.ending == .none && !isLast ? LineEnding.crlf.bytes : line.ending.bytes
        }
        for ending in trailer { bytes += ending.bytes }
    }

    /// The bytes of the description.
    public func serialised() -> [UInt8] {
        var bytes: [UInt8] = []
        serialise(into: &bytes)
        return bytes
    }
}

extension SessionDescription: CustomStringConvertible {
    /// The description as text for people; octets that are not UTF-8 are shown as replacement characters.
    public var description: String { String(decoding: serialised(), as: UTF8.self) }
}
