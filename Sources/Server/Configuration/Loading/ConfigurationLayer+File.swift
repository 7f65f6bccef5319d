/// What a file says.
extension ConfigurationLayer {
    /// Reads the text of `ito.yaml`; what is wrong is in `problems`.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - path: The file's name, for errors.
    init(yaml text: String, path: String) {
        do throws(ConfigurationDocument.Failure) {
            switch try ConfigurationDocument(text).root {
            case nil, .scalar(nil, _): break
            case .mapping(let pairs, _): add(pairs, section: [], path: path)
            case let other?:
                fail(
                    "", "expected keys and values, found \(other.kind)",
                    remedy: "write for example `lanes: {count: 2}`",
                    at: .file(path, line: other.line))
            }
        } catch {
            fail(
                "", "this is not YAML: \(error.reason)", remedy: "correct the line or the one before it",
                at: .file(path, line: error.line))
        }
        sortProblems()
    }

    /// Adds the keys of one mapping.
    private mutating func add(_ pairs: [ConfigurationDocument.Pair], section: [String], path: String) {
        for pair in withoutRepeats(pairs, section: section, path: path) {
            guard let key = pair.key else {
                fail(
                    section.joined(separator: "."), "a key must be a single word", remedy: "write KEY: VALUE",
                    at: .file(path, line: pair.line))
                continue
            }
            let parts = section + [key]
            let name = parts.joined(separator: ".")
            let place = ConfigurationDiagnostic.Place.file(path, line: pair.line)
            if let setting = ConfigurationSchema.settingsByName[name] {
                var scratch = ServerConfiguration()
                add(pair.value, for: setting, on: &scratch, at: parts, named: name, place: place)
            } else if name == ConfigurationSchema.domains.key.name {
                add(pair.value, of: ConfigurationSchema.domains, place: place, path: path)
            } else if name == ConfigurationSchema.listeners.key.name {
                add(pair.value, of: ConfigurationSchema.listeners, place: place, path: path)
            } else if ConfigurationSchema.sections.contains(name) {
                addSection(pair.value, parts, place: place, path: path)
            } else {
                failUnknown(name, place: place)
            }
        }
    }

    private mutating func addSection(
        _ node: ConfigurationDocument.Node, _ parts: [String], place: ConfigurationDiagnostic.Place, path: String
    ) {
        switch node {
        case .mapping(let pairs, _): add(pairs, section: parts, path: path)
        case .scalar(nil, _): break
        default:
            let name = parts.joined(separator: ".")
            let first = ConfigurationSchema.settings.first { $0.key.name.hasPrefix("\(name).") }?.key
            fail(
                name, "expected the keys of a section, found \(node.kind)",
                remedy: first.map {
                    "write for example `\($0.name.dropFirst(name.count + 1)): \($0.defaultText)` below it"
                }
                    ?? "", at: place)
        }
    }

    private mutating func failUnknown(_ name: String, place: ConfigurationDiagnostic.Place) {
        let names =
            ConfigurationSchema.settings.map(\.key.name) + ConfigurationSchema.sections.sorted()
            + [ConfigurationSchema.domains.key.name, ConfigurationSchema.listeners.key.name]
        let guess = NearMatch.find(name, among: names)
        fail(
            name, "there is no such key",
            remedy: guess.map { "did you mean \($0)?" } ?? "ito config reference lists them all", at: place)
    }

    /// The pairs with the last of those whose key stands more than once; the others are a problem.
    private mutating func withoutRepeats(
        _ pairs: [ConfigurationDocument.Pair], section: [String], path: String
    ) -> [ConfigurationDocument.Pair] {
        var lines: [String: [Int]] = [:]
        for pair in pairs { lines[pair.key ?? "", default: []].append(pair.line) }
        for (key, lines) in lines where lines.count > 1 && !key.isEmpty {
            let earlier = lines.dropLast().map(String.init).joined(separator: ", ")
            fail(
                (section + [key]).joined(separator: "."), "is given again, first on line \(earlier)",
                remedy: "keep one of them", at: .file(path, line: lines.last))
        }
        return pairs.enumerated().filter { index, pair in
            pair.key == nil || !pairs[(index + 1)...].contains { $0.key == pair.key }
        }.map(\.element)
    }

    /// Adds the value of a setting.
    private mutating func add<Root>(
        _ node: ConfigurationDocument.Node, for setting: Setting<Root>, on scratch: inout Root, at parts: [String],
        named name: String, place: ConfigurationDiagnostic.Place
    ) {
        let texts: [String]
        switch node {
        case .scalar(let text?, _): texts = [text]
        case .sequence(let elements, _) where setting.isList:
            let scalars = elements.map { if case .scalar(let text?, _) = $0 { text } else { String?.none } }
            guard !scalars.contains(nil) else {
                return fail(
                    name, "expected a \(setting.key.kind), found an element that is not a single value",
                    remedy: "write for example \(setting.key.defaultText)", at: place)
            }
            texts = scalars.compactMap(\.self)
        default:
            let found = if case .scalar = node { "no value" } else { node.kind }
            let expected = [setting.key.kind, setting.key.allowed].filter { !$0.isEmpty }.joined(separator: ", ")
            return fail(
                name, "expected a \(expected), found \(found)",
                remedy: "write for example \(setting.key.defaultText), or leave the key out", at: place)
        }
        add(
            Entry(texts: texts, isList: setting.isList, place: place), for: setting, on: &scratch, at: parts,
            named: name)
    }

    /// Adds the elements of a list of mappings: the list of what they are told by, and their other keys below it.
    private mutating func add<Element>(
        _ node: ConfigurationDocument.Node, of list: ListSetting<Element>, place: ConfigurationDiagnostic.Place,
        path: String
    ) {
        let elements: [ConfigurationDocument.Node]
        switch node {
        case .sequence(let nodes, _): elements = nodes
        case .scalar(nil, _): elements = []
        default: elements = [node]
        }
        guard !elements.isEmpty else {
            return fail(
                list.key.name, "the list is empty", remedy: "name \(list.key.allowed), or leave the key out", at: place)
        }
        let count = problems.count
        var texts: [String] = []
        var names: Set<String> = []
        for element in elements {
            let line = ConfigurationDiagnostic.Place.file(path, line: element.line)
            guard let (text, name) = add(element, of: list, path: path) else { continue }
            if !names.insert(name).inserted {
                fail(list.key.name, "`\(name)` stands in the list twice", remedy: "keep one of them", at: line)
            }
            texts.append(text)
        }
        if problems.count == count { add(Entry(texts: texts, isList: true, place: place), at: [list.key.name]) }
    }

    /// Adds the keys of one element; gives what it is told by, as it was written and in its one form.
    private mutating func add<Element>(
        _ node: ConfigurationDocument.Node, of list: ListSetting<Element>, path: String
    ) -> (text: String, name: String)? {
        let place = ConfigurationDiagnostic.Place.file(path, line: node.line)
        let pairs: [ConfigurationDocument.Pair]
        switch node {
        case .mapping(let mapping, _): pairs = withoutRepeats(mapping, section: [list.key.name], path: path)
        default: pairs = [ConfigurationDocument.Pair(key: list.primary, line: node.line, value: node)]
        }
        guard let primary = pairs.first(where: { $0.key == list.primary }), let field = list.field(list.primary),
            case .scalar(let text?, _) = primary.value
        else {
            fail(
                list.key.name, "an element has no `\(list.primary)`",
                remedy: "write for example `- \(list.primary): \(list.example)`",
                at: place)
            return nil
        }
        var scratch = list.make()
        do throws(Mismatch) {
            try field.write(&scratch, [text])
        } catch {
            fail(field.key.name, error, at: .file(path, line: primary.line))
            return nil
        }
        let name = list.name(of: scratch)
        for pair in pairs where pair.key != list.primary {
            let place = ConfigurationDiagnostic.Place.file(path, line: pair.line)
            if let key = pair.key, let field = list.field(key) {
                add(
                    pair.value, for: field, on: &scratch, at: [list.key.name, name, key], named: field.key.name,
                    place: place)
            } else {
                let key = pair.key ?? ""
                let guess = NearMatch.find(key, among: list.fields.map(list.name(of:)))
                fail(
                    "\(list.key.name)[].\(key)", "there is no such key",
                    remedy: guess.map { "did you mean \($0)?" } ?? "ito config reference lists them all", at: place)
            }
        }
        return (text, name)
    }
}

extension ConfigurationDocument.Node {
    /// What it is, for an error.
    fileprivate var kind: String {
        switch self {
        case .scalar(let text, _): text.map { "`\($0)`" } ?? "nothing"
        case .sequence: "a list"
        case .mapping: "keys and values"
        }
    }
}
