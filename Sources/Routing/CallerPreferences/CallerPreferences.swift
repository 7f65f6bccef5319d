public import SIP

/// What a caller wants of the device that is reached, and what it rather avoids (RFC 3841 §7.2).
public struct CallerPreferences: Sendable {
    /// A value of Accept-Contact.
    private struct Wanted {
        var features: FeatureSet
        /// Whether contacts that do not match are left out.
        var isRequired: Bool
        /// Whether what a contact does not mention counts as missing.
        var isExplicit: Bool
    }

    /// A contact that is left, and its place among those of the same preference.
    public struct Choice: Hashable, Sendable {
        /// Its index in the list that was given.
        public var index: Int
        /// How well it fits, 0 to 1,000: the Qa of RFC 3841 §7.2.4 in thousandths.
        public var fitness: Int
    }

    private var wanted: [Wanted] = []
    private var rejected: [FeatureSet] = []
    /// Whether the caller states preferences; else they follow from the method and the event package.
    public let isExplicit: Bool

    /// Reads the preferences of a request.
    public init(_ view: MessageView) {
        isExplicit = view.firstIndex(of: .acceptContact) != nil || view.firstIndex(of: .rejectContact) != nil
        guard isExplicit else {
            // RFC 3841 §7.2.2: required, but not explicit.
            wanted = [Wanted(features: Self.implied(by: view), isRequired: true, isExplicit: false)]
            return
        }
        for value in view.values(of: .acceptContact) {
            let parameters = Self.parameters(of: value, in: view)
            let index = view.parameters(parameters)
            wanted.append(
                Wanted(
                    features: FeatureSet(parameters: view.bytes(parameters)),
                    isRequired: index.first("require") != nil, isExplicit: index.first("explicit") != nil))
        }
        for value in view.values(of: .rejectContact) {
            let features = FeatureSet(parameters: view.bytes(Self.parameters(of: value, in: view)))
            // One without features would reject every contact that has any.
            if !features.isEmpty { rejected.append(features) }
        }
    }

    /// The parameters behind the "*" of a value.
    private static func parameters(of value: ByteRange, in view: MessageView) -> ByteRange {
        let start = view.bytes(value).firstIndex(of: UInt8(ascii: ";")) ?? Int(value.count)
        return ByteRange(value.lowerBound + start, value.upperBound)
    }

    /// The method, and the event package of a subscription (RFC 3841 §7.2.2).
    private static func implied(by view: MessageView) -> FeatureSet {
        var features = FeatureSet("methods", FeatureValue.list(view.bytes(view.startLine.methodRange)))
        if view.method == .subscribe, let event = view.value(of: .event) {
            let name = view.bytes(event).prefix { $0 != UInt8(ascii: ";") && $0 > 0x20 }
            features.formConjunction(FeatureSet("events", FeatureValue.list(UnsafeRawBufferPointer(rebasing: name))))
        }
        return features
    }

    /// Leaves contacts out, and says how well the others fit; in the order in which they were given.
    ///
    /// - Parameter contacts: the header parameters of each, from the first ";" on.
    public func choose(among contacts: [[UInt8]]) -> [Choice] {
        var choices: [Choice] = []
        for (index, parameters) in contacts.enumerated() {
            let features = parameters.withUnsafeBytes { FeatureSet(parameters: $0) }
            // What says nothing of itself is immune (§7.2.3).
            let fitness = features.isEmpty ? 1_000 : fitness(of: features)
            if let fitness { choices.append(Choice(index: index, fitness: fitness)) }
        }
        // Rather 405 or 489 of a phone than 480 for no reason that the caller could know (§7.2.4).
        guard isExplicit || !choices.isEmpty else { return contacts.indices.map { Choice(index: $0, fitness: 1_000) } }
        return choices
    }

    /// The Qa of a contact in thousandths; nil leaves it out.
    private func fitness(of features: FeatureSet) -> Int? {
        guard !rejected.contains(where: { features.mentionsAll(of: $0) && features.matches($0) }) else { return nil }
        var scores: [Double] = []
        for wish in wanted {
            guard features.matches(wish.features) else {
                if wish.isRequired { return nil }
                continue
            }
            let score = features.score(wish.features)
            if score < 1, wish.isExplicit {
                if wish.isRequired { return nil }
                scores.append(0)
            } else {
                scores.append(score)
            }
        }
        guard !scores.isEmpty else { return wanted.isEmpty ? 1_000 : 0 }
        return Int((1_000 * scores.reduce(0, +) / Double(scores.count)).rounded())
    }
}
