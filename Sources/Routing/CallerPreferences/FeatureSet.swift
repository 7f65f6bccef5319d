import SIP

/// The feature parameters of a Contact, or of a value of Accept-Contact or Reject-Contact: all must hold
/// (RFC 3841 §7.2.1, §7.2.3).
struct FeatureSet: Hashable, Sendable {
    /// A feature tag and its values, of which any will do.
    struct Term: Hashable, Sendable {
        /// The name in small letters, without the "+" of tags outside of the base set.
        var name: [UInt8]
        var values: [FeatureValue]
    }

    private(set) var terms: [Term] = []

    /// Reads the parameters of a header value, from their first ";" on; others than feature parameters are passed over.
    init(parameters bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        for parameter in Parameters(base, ByteRange(0, bytes.count)) {
            let name = bytes[parameter.name.lowerBound..<parameter.name.upperBound].map(Self.small)
            let isExtension = name.first == UInt8(ascii: "+")
            guard isExtension || Self.isBase(name) else { continue }
            let value = UnsafeRawBufferPointer(rebasing: bytes[parameter.value.lowerBound..<parameter.value.upperBound])
            let term = Term(
                name: isExtension ? Array(name.dropFirst()) : name,
                values: FeatureValue.list(parameter.hasValue ? value : nil))
            // Of a tag that stands there with and without "+", the one of the base set counts.
            if let known = terms.firstIndex(where: { $0.name == term.name }) {
                if !isExtension { terms[known] = term }
            } else {
                terms.append(term)
            }
        }
    }

    /// A set with one tag.
    init(_ name: StaticString, _ values: [FeatureValue]) {
        terms = [Term(name: name.withUTF8Buffer { Array($0) }, values: values)]
    }

    /// Adds what must hold too.
    mutating func formConjunction(_ other: FeatureSet) { terms += other.terms }

    /// Whether nothing is said: such a contact is immune to preferences (RFC 3841 §7.2.3).
    var isEmpty: Bool { terms.isEmpty }

    /// The values of a tag; nil when it is not there.
    private func values(_ name: [UInt8]) -> [FeatureValue]? { terms.first { $0.name == name }?.values }

    /// Whether a contact with these capabilities can be what a preference wants: nothing it says is against it
    /// (RFC 3841 §7.2.4).
    func matches(_ preference: FeatureSet) -> Bool {
        preference.terms.allSatisfy { term in
            guard let own = values(term.name) else { return true }
            return term.values.contains { wanted in own.contains { $0.meets(wanted) } }
        }
    }

    /// Whether every tag of a preference is there at all.
    func mentionsAll(of preference: FeatureSet) -> Bool { preference.terms.allSatisfy { values($0.name) != nil } }

    /// The share of the tags of a preference that are there, 0 to 1 (RFC 3841 §7.2.4).
    func score(_ preference: FeatureSet) -> Double {
        guard !preference.isEmpty else { return 1 }
        let found = preference.terms.count { values($0.name) != nil }
        return Double(found) / Double(preference.terms.count)
    }

    // MARK: Names

    private static func small(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The base set (RFC 3840 §9 `base-tags`).
    private static let baseTags: [StaticString] = [
        "audio", "automata", "class", "duplex", "data", "control", "mobility", "description", "events", "priority",
        "methods", "schemes", "application", "video", "language", "type", "isfocus", "actor", "text", "extensions",
    ]

    private static func isBase(_ name: [UInt8]) -> Bool {
        baseTags.contains { tag in tag.withUTF8Buffer { $0.elementsEqual(name) } }
    }
}
