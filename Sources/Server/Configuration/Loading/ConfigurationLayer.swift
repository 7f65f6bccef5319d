import Configuration

/// The values of one source (command line, environment, file) that are right by themselves, and where each stands.
struct ConfigurationLayer {
    /// A value as text.
    struct Entry: Hashable {
        /// One text, or one for each element of a list.
        var texts: [String]

        /// Whether the value is a list.
        var isList: Bool

        /// Where it stands.
        var place: ConfigurationDiagnostic.Place
    }

    /// By the parts of the key; those of a list's element hold the element's name, which may have dots.
    private(set) var entries: [[String]: Entry] = [:]

    /// Keys that stand in the source with a value that is wrong.
    private(set) var wrongKeys: Set<String> = []

    /// What is wrong in the source.
    private(set) var problems: [ConfigurationDiagnostic] = []

    /// What is worth knowing about the source.
    private(set) var notes: [ConfigurationDiagnostic] = []

    /// Adds a value.
    mutating func add(_ entry: Entry, at path: [String]) { entries[path] = entry }

    /// Adds a value when `setting` takes it, else a problem.
    mutating func add<Root>(
        _ entry: Entry, for setting: Setting<Root>, on scratch: inout Root, at path: [String], named name: String
    ) {
        do throws(Mismatch) {
            try setting.write(&scratch, entry.texts)
            add(entry, at: path)
        } catch {
            fail(name, error, at: entry.place)
        }
    }

    /// Notes a value that is wrong.
    mutating func fail(_ key: String, _ mismatch: Mismatch, at place: ConfigurationDiagnostic.Place) {
        fail(key, mismatch.reason, remedy: "write for example \(mismatch.example)", at: place)
    }

    /// Notes a problem.
    mutating func fail(_ key: String, _ reason: String, remedy: String, at place: ConfigurationDiagnostic.Place) {
        wrongKeys.insert(key)
        problems.append(ConfigurationDiagnostic(place: place, key: key, reason: reason, remedy: remedy))
    }

    /// Notes what is no problem.
    mutating func note(_ key: String, _ reason: String, remedy: String, at place: ConfigurationDiagnostic.Place) {
        notes.append(ConfigurationDiagnostic(place: place, key: key, reason: reason, remedy: remedy))
    }

    /// Puts the problems in the order of their lines.
    mutating func sortProblems() {
        func line(_ problem: ConfigurationDiagnostic) -> Int {
            if case .file(_, let line?) = problem.place { line } else { 0 }
        }
        // Stable: problems of one line stay in the order in which they were found.
        problems = problems.enumerated().sorted { (line($0.element), $0.offset) < (line($1.element), $1.offset) }
            .map(\.element)
    }

    /// The values as a provider of configuration.
    func provider(named name: String) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: entries.map { path, entry in
                    let content: ConfigContent =
                        entry.isList ? .stringArray(entry.texts) : .string(entry.texts.first ?? "")
                    return (AbsoluteConfigKey(path), ConfigValue(content, isSecret: false))
                }))
    }
}
