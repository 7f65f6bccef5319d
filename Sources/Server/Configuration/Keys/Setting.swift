/// A key together with the property of `Root` that it sets: reading, writing and range in one place.
struct Setting<Root: Sendable>: Sendable {
    /// The key's description; its default is that of a fresh `Root`.
    let key: ConfigurationKey

    /// Whether the value is a list.
    let isList: Bool

    /// The present value as it would be written: one text, or one for each element.
    let read: @Sendable (Root) -> [String]

    /// Sets the property from text, or says what is wrong with it.
    let write: @Sendable (inout Root, [String]) throws(Mismatch) -> Void
}

/// How texts become values of one kind.
struct ValueFormat<Value: Sendable>: Sendable {
    /// The kind for a person.
    let kind: String

    /// The values allowed for a person; empty when all of the kind are.
    let allowed: String

    /// Reads a value, or says what is wrong with it.
    let parse: @Sendable (String) throws(Mismatch) -> Value

    /// Writes a value as `parse` reads it.
    let text: @Sendable (Value) -> String
}

extension Setting {
    /// A key with one value.
    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ format: ValueFormat<Value>,
        of example: Root, shownDefault: String? = nil, _ effect: ConfigurationKey.Effect, source: String,
        _ documentation: String
    ) {
        self.init(
            key: ConfigurationKey(
                name: name, kind: format.kind, allowed: format.allowed,
                defaultText: shownDefault ?? format.text(example[keyPath: path]), documentation: documentation,
                source: source,
                effect: effect),
            isList: false,
            read: { [format.text($0[keyPath: path])] },
            write: { (root: inout Root, texts: [String]) throws(Mismatch) in
                guard texts.count == 1, let text = texts.first else {
                    throw Mismatch(
                        "expected \(format.phrase), found \(texts.isEmpty ? "no value" : "a list")",
                        example: format.text(example[keyPath: path]))
                }
                do throws(Mismatch) {
                    root[keyPath: path] = try format.parse(text)
                } catch {
                    // A default that can be written is the best example; an empty one teaches nothing.
                    let shown = format.text(example[keyPath: path])
                    throw Mismatch(error.reason, example: error.example.isEmpty ? shown : error.example)
                }
            })
    }

    /// A key with a list of values; each may stand in it once.
    init<Value: Hashable>(
        list name: String, _ path: any WritableKeyPath<Root, [Value]> & Sendable, _ format: ValueFormat<Value>,
        mayBeEmpty: Bool, of example: Root, _ effect: ConfigurationKey.Effect, source: String, _ documentation: String
    ) {
        let defaults = example[keyPath: path].map(format.text)
        self.init(
            key: ConfigurationKey(
                name: name, kind: "list of \(format.kind)", allowed: format.allowed,
                defaultText: "[\(defaults.joined(separator: ", "))]", documentation: documentation, source: source,
                effect: effect),
            isList: true,
            read: { $0[keyPath: path].map(format.text) },
            write: { (root: inout Root, texts: [String]) throws(Mismatch) in
                var values: [Value] = []
                for text in texts {
                    let value = try format.parse(text)
                    guard !values.contains(value) else {
                        throw Mismatch("`\(text)` stands in the list twice", example: "[\(text)]")
                    }
                    values.append(value)
                }
                guard mayBeEmpty || !values.isEmpty else {
                    throw Mismatch("the list is empty", example: "[\(defaults.joined(separator: ", "))]")
                }
                root[keyPath: path] = values
            })
    }
}
