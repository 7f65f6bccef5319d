import SIP

/// Writes the GRUUs of a Contact in the answer to a REGISTER (RFC 5627 §5.2). It borrows from the request.
struct GRUUWriter {
    /// The address of record as the user agent has written it: scheme with colon, user, host and port.
    let scheme: UnsafeRawBufferPointer
    let user: UnsafeRawBufferPointer
    let host: UnsafeRawBufferPointer
    let temporary: TemporaryGRUU
    /// A random number, from which those of the temporary GRUUs of one answer are made.
    let number: (UInt64, UInt16)

    /// - Parameter uri: the URI of To.
    init(_ view: MessageView, _ uri: URIIndex, _ temporary: TemporaryGRUU, number: (UInt64, UInt16)) {
        let whole = view.bytes(uri.whole)
        user = view.bytes(uri.user)
        scheme = UnsafeRawBufferPointer(rebasing: whole[..<(uri.scheme == .sips ? 5 : 4)])
        let rest = whole[(Int(uri.host.lowerBound) - Int(uri.whole.lowerBound))...]
        host = UnsafeRawBufferPointer(
            rebasing: rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") })
        self.temporary = temporary
        self.number = number
    }

    /// Writes `;pub-gruu` and `;temp-gruu` of a binding, if it has an instance.
    ///
    /// - Parameter index: the number of the Contact in the answer.
    func write(
        _ binding: StoredBinding, index: UInt16, shard: Int, tag: UInt32, into writer: inout ByteWriter
    ) {
        let instance = binding.identity.instance
        guard !instance.isEmpty, binding.generation != 0 else { return }
        writer.append(";pub-gruu=\"")
        writer.append(scheme)
        writer.append(user)
        writer.append("@")
        writer.append(host)
        writer.append(";gr=")
        InstanceName.write(instance, into: &writer)
        writer.append("\";temp-gruu=\"")
        writer.append(scheme)
        let content = TemporaryGRUU.Content(
            shard: UInt8(truncatingIfNeeded: shard), tag: tag,
            mark: temporary.mark(instance: instance, generation: binding.generation))
        temporary.write(content, number: (number.0, number.1 ^ index), into: &writer)
        writer.append("@")
        writer.append(host)
        writer.append(";gr\"")
    }
}

/// The URN of an instance, as `+sip.instance` and `gr` have it (RFC 5626 §4.1, RFC 5627 §5.1).
enum InstanceName {
    /// The URN in a value of `+sip.instance`: without quotes and angle brackets.
    static func urn(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var bytes = value[...]
        if bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") {
            bytes = bytes.dropFirst().dropLast()
        }
        if bytes.count >= 2, bytes.first == UInt8(ascii: "<"), bytes.last == UInt8(ascii: ">") {
            bytes = bytes.dropFirst().dropLast()
        }
        return UnsafeRawBufferPointer(rebasing: bytes)
    }

    /// Writes the URN of a value of `+sip.instance` as a URI parameter; what may not stand there is escaped.
    static func write(_ value: UnsafeRawBufferPointer, into writer: inout ByteWriter) {
        let digits: StaticString = "0123456789ABCDEF"
        for byte in urn(value) {
            if isParameterCharacter(byte) {
                writer.append(byte)
            } else {
                writer.append(UInt8(ascii: "%"))
                writer.append(digits.utf8Start[Int(byte >> 4)])
                writer.append(digits.utf8Start[Int(byte & 15)])
            }
        }
    }

    /// Whether a `gr` names the instance of a value of `+sip.instance`; case is put aside, as in most URNs it must be.
    static func isSame(_ gr: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        let urn = urn(value)
        guard gr.count >= urn.count else { return false }
        return withUnsafeTemporaryAllocation(byteCount: max(1, gr.count), alignment: 1) { memory in
            let count = unescape(gr, into: memory)
            return equalIgnoringCase(UnsafeRawBufferPointer(rebasing: memory[0..<count]), urn)
        }
    }

    /// `paramchar` without escapes (RFC 3261 §25.1).
    private static func isParameterCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "&"),
            UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "!"), UInt8(ascii: "~"), UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"):
            true
        default: false
        }
    }
}
