/// The parameters of overload control in a Via value, as they stand there (RFC 7339 §4, §9).
struct OverloadParameters {
    /// The value of `oc`; nil when it has none, as in a request.
    private(set) var value: Int?
    /// The algorithms in `oc-algo` that are known here; nil when the parameter is missing.
    private(set) var algorithms: OverloadAlgorithms?
    /// The value of `oc-validity` in milliseconds; nil when it is missing.
    private(set) var validity: Int?
    /// The value of `oc-seq`; nil when it is missing or malformed.
    private(set) var sequence: OverloadSequence?

    /// The highest number that is read; what is higher counts as it.
    static let highestNumber = 1_000_000_000

    init(_ view: MessageView, _ via: ViaIndex) {
        var rest = ParameterCursor(Cursor(view.base, via.parameters))
        while let parameter = try? rest.next() {
            let bytes = view.bytes(parameter.value)
            switch OverloadParameterName(view.bytes(parameter.name)) {
            case .value: value = Self.number(bytes)
            case .algorithms: algorithms = Self.algorithms(bytes)
            case .validity: validity = Self.number(bytes)
            case .sequence: sequence = OverloadSequence(bytes)
            case nil: continue
            }
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var number = 0
        for byte in bytes {
            guard byte &- 0x30 < 10 else { return nil }
            number = min(number &* 10 &+ Int(byte &- 0x30), highestNumber)
        }
        return number
    }

    /// A list in quotes; one without them is read all the same.
    private static func algorithms(_ bytes: UnsafeRawBufferPointer) -> OverloadAlgorithms {
        var found: OverloadAlgorithms = []
        for name in bytes.split(whereSeparator: { ",\" \t".utf8.contains($0) }) {
            let text = UnsafeRawBufferPointer(rebasing: name)
            if text.equals("loss") { found.insert(.loss) }
            if text.equals("rate") { found.insert(.rate) }
        }
        return found
    }
}

/// The names of the parameters.
enum OverloadParameterName {
    case value, algorithms, validity, sequence

    init?(_ name: UnsafeRawBufferPointer) {
        guard name.count >= 2, name[0] | 0x20 == UInt8(ascii: "o"), name[1] | 0x20 == UInt8(ascii: "c") else {
            return nil
        }
        switch name.count {
        case 2: self = .value
        case 6 where name.equals("oc-seq"): self = .sequence
        case 7 where name.equals("oc-algo"): self = .algorithms
        case 11 where name.equals("oc-validity"): self = .validity
        default: return nil
        }
    }
}

extension MessageView {
    /// Writes a Via value without its parameters of overload control: they are between two neighbours only (RFC 7339 §5.6).
    ///
    /// - Parameter source: the address and port that the request came from, put in as `writeVia` does; nil leaves what is there.
    func writeViaWithoutOverload(
        _ via: ViaIndex, source: (address: UnsafeRawBufferPointer, port: UInt16)? = nil, into writer: inout ByteWriter
    ) {
        writer.append(bytes(ByteRange(via.whole.lowerBound, via.parameters.lowerBound)))
        var hasReceived = false
        var rest = ParameterCursor(Cursor(base, via.parameters))
        while let parameter = try? rest.next() {
            guard OverloadParameterName(bytes(parameter.name)) == nil else { continue }
            writer.append(UInt8(ascii: ";"))
            if let source, source.port != 0, parameter.name.lowerBound == via.rportRange.lowerBound {
                writer.append("rport=")
                writer.append(decimal: UInt64(source.port))
            } else if let source, !via.received.isEmpty, parameter.value.lowerBound == via.received.lowerBound {
                writer.append("received=")
                writer.append(source.address)
                hasReceived = true
            } else {
                writer.append(bytes(ByteRange(parameter.name.lowerBound, parameter.value.upperBound)))
            }
        }
        guard let source, !hasReceived, via.hasRport || !hostEquals(via.host, source.address) else { return }
        writer.append(";received=")
        writer.append(source.address)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are a word, which is given in small letters; upper and lower case do not differ.
    fileprivate func equals(_ word: StaticString) -> Bool {
        equalIgnoringCase(self, UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}
