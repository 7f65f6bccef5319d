import SIP

/// One `hi-entry` of History-Info: a Request-URI that a request was sent with, and its place in the tree of all
/// (RFC 7044 §5).
struct HistoryEntry: Hashable {
    /// How a target was found (RFC 7044 §10.4).
    enum Mechanism: Hashable {
        /// `rc`: another URI of the user whom the entry at the index names.
        case contact(of: [Int])
        /// `mp`: another user, in place of the one whom the entry at the index names.
        case mapped(from: [Int])
        /// `np`: the URI at the index, unchanged.
        case unchanged(from: [Int])
    }

    /// The display name with the white space behind it, as it came.
    private var displayName: [UInt8] = []
    /// The URI, with Reason and Privacy in its headers.
    private(set) var uri: [UInt8]
    /// All parameters, `index` among them, each with its ";".
    private var parameters: [UInt8]
    /// The place: 1, 1.1, 1.2.
    let index: [Int]

    /// Makes an entry.
    init(_ uri: [UInt8], index: [Int], _ mechanism: Mechanism?) {
        self.uri = uri
        self.index = index
        parameters = Array(";index=\(Self.text(index))".utf8)
        switch mechanism {
        case .contact(let of): parameters += Array(";rc=\(Self.text(of))".utf8)
        case .mapped(let from): parameters += Array(";mp=\(Self.text(from))".utf8)
        case .unchanged(let from): parameters += Array(";np=\(Self.text(from))".utf8)
        case nil: break
        }
    }

    /// Reads a value of History-Info; nil when it has no index.
    init?(_ view: MessageView, _ value: ByteRange) {
        guard let address = try? view.address(value), address.hasBrackets,
            let found = view.parameters(address.parameters).first("index"),
            let index = Self.index(view.bytes(found.value))
        else { return nil }
        displayName = view.array(ByteRange(value.lowerBound, address.uri.lowerBound - 1))
        uri = view.array(address.uri)
        parameters = view.array(address.parameters)
        self.index = index
    }

    /// The most levels of an index that is understood; Max-Forwards allows no more.
    private static let deepest = 255

    /// Reads `1.1.2`.
    static func index(_ text: UnsafeRawBufferPointer) -> [Int]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= deepest else { return nil }
        let numbers = parts.compactMap { part -> Int? in
            guard (1...9).contains(part.count) else { return nil }
            return part.allSatisfy { $0 &- 0x30 < 10 } ? part.reduce(0) { $0 * 10 + Int($1 &- 0x30) } : nil
        }
        return numbers.count == parts.count ? numbers : nil
    }

    static func text(_ index: [Int]) -> String { index.map(String.init).joined(separator: ".") }

    /// Writes the value.
    func write(into writer: inout ByteWriter) {
        writer.append(displayName)
        writer.append("<")
        writer.append(uri)
        writer.append(">")
        writer.append(parameters)
    }

    // MARK: Headers of the URI

    /// The URI without its headers.
    var bareURI: [UInt8] { Array(uri.prefix { $0 != UInt8(ascii: "?") }) }

    /// Says what a request to the URI led to (RFC 7044 §10.2).
    mutating func add(reason: [UInt8]) {
        // A tel URI has no headers.
        guard uri.first.map({ $0 | 0x20 }) == UInt8(ascii: "s") else { return }
        uri.append(uri.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?"))
        uri += Array("Reason=".utf8)
        for byte in reason {
            let small = byte | 0x20
            if small &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") {
                uri.append(byte)
            } else {
                uri.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] { uri.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
            }
        }
    }

    /// Whether it is to be hidden from other domains (RFC 7044 §10.1.1).
    var isPrivate: Bool {
        guard let url = try? URI(uri) else { return false }
        return url.headers.contains { $0.name.lowercased() == "privacy" && ($0.value ?? "").lowercased() == "history" }
    }

    /// Takes the URI away (RFC 7044 §10.1.2, RFC 3323 §4.1.1.3).
    mutating func anonymize() {
        displayName = []
        uri = Array("sip:anonymous@anonymous.invalid".utf8)
    }
}
