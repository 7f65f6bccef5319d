import SIP

/// Reads the Path of a REGISTER into a list of Route values (RFC 3327 §5.3).
///
/// A lane has one and uses it again.
struct PathReader: ~Copyable {
    private var list = ByteWriter(capacity: 256)

    /// The values as one list, each in angle brackets and without display name; empty when there is no Path. Valid until the
    /// next call.
    ///
    /// - Throws: `MessageDefect` when a value is malformed or no SIP URI.
    mutating func read(_ view: MessageView) throws(MessageDefect) -> UnsafeRawBufferPointer {
        list.removeAll()
        guard view.firstIndex(of: .path) != nil else { return list.bytes }
        for value in view.values(of: .path) {
            let address = try Self.address(value, view)
            if list.count > 0 { list.append(UInt8(ascii: ",")) }
            list.append(UInt8(ascii: "<"))
            list.append(view.bytes(address.uri))
            list.append(UInt8(ascii: ">"))
            list.append(unfolded: view.bytes(address.parameters))
        }
        return list.bytes
    }

    private static func address(_ value: ByteRange, _ view: MessageView) throws(MessageDefect) -> AddressIndex {
        do throws(MessageDefect) {
            let address = try view.address(value)
            guard address.hasBrackets, try view.uri(address.uri).isSIP else {
                throw MessageDefect(.headerValue, "A Path value is no SIP URI in angle brackets", header: .path)
            }
            return address
        } catch {
            var found = error
            found.header = .path
            throw found
        }
    }

    /// Whether a list can have been made here: it goes into messages as it is.
    static func isSound(_ list: UnsafeRawBufferPointer) -> Bool {
        list.first == UInt8(ascii: "<") && !list.contains { $0 < 0x20 || $0 == 0x7F }
    }
}
