/// What the environment and the command line say.
extension ConfigurationLayer {
    /// Takes the variables that are keys; lists have commas between their elements. Others with our prefix are noted:
    /// they may belong to another program, or be mistyped.
    init(environment: [String: String]) {
        let names = Dictionary(
            uniqueKeysWithValues: ConfigurationSchema.keys.compactMap { key in
                key.environmentVariable.map { ($0, key.name) }
            })
        for (variable, text) in environment.sorted(by: { $0.key < $1.key }) {
            guard variable.hasPrefix(ConfigurationSchema.environmentPrefix),
                !ConfigurationSchema.otherVariables.contains(variable)
            else { continue }
            if let name = names[variable] {
                add(text: text, splittingLists: true, named: name, at: .environment(variable))
            } else {
                let guess = NearMatch.find(variable, among: names.keys.sorted())
                note(
                    "", "is no key of the configuration and is ignored",
                    remedy: guess.map { "did you mean \($0)?" } ?? "", at: .environment(variable))
            }
        }
    }

    /// Takes options of the command line.
    init(flags: [ConfigurationFlag]) {
        for flag in flags {
            if let list = ConfigurationSchema.settingsByName[flag.key]?.isList, !list, let text = flag.values.last {
                add(text: text, splittingLists: false, named: flag.key, at: .option(flag.option))
            } else {
                add(texts: flag.values, named: flag.key, at: .option(flag.option))
            }
        }
    }

    private mutating func add(
        text: String, splittingLists: Bool, named name: String, at place: ConfigurationDiagnostic.Place
    ) {
        let isList = ConfigurationSchema.settingsByName[name]?.isList ?? true
        guard isList, splittingLists else { return add(texts: [text], named: name, at: place) }
        let elements = text.split(separator: ",", omittingEmptySubsequences: false)
        add(texts: text.isEmpty ? [] : elements.map { ConfigurationText.trimmed($0) }, named: name, at: place)
    }

    private mutating func add(texts: [String], named name: String, at place: ConfigurationDiagnostic.Place) {
        let path = name.split(separator: ".").map(String.init)
        if let setting = ConfigurationSchema.settingsByName[name] {
            var scratch = ServerConfiguration()
            add(
                Entry(texts: texts, isList: setting.isList, place: place), for: setting, on: &scratch, at: path,
                named: name)
        } else if name == ConfigurationSchema.domains.key.name {
            add(elements: texts, of: ConfigurationSchema.domains, at: place)
        } else if name == ConfigurationSchema.listeners.key.name {
            add(elements: texts, of: ConfigurationSchema.listeners, at: place)
        } else {
            fail(name, "there is no such key", remedy: "ito config reference lists them all", at: place)
        }
    }

    /// Elements that are given by their primary key alone.
    private mutating func add<Element>(
        elements: [String], of list: ListSetting<Element>, at place: ConfigurationDiagnostic.Place
    ) {
        let name = list.key.name
        guard !elements.isEmpty else {
            return fail(name, "the list is empty", remedy: "name \(list.key.allowed)", at: place)
        }
        let count = problems.count
        for element in elements {
            guard let primary = list.field(list.primary) else { continue }
            var scratch = list.make()
            do throws(Mismatch) { try primary.write(&scratch, [element]) } catch { fail(name, error, at: place) }
        }
        if problems.count == count { add(Entry(texts: elements, isList: true, place: place), at: [name]) }
    }
}

/// An option of the command line that sets a key: `--lanes 2` is `ConfigurationFlag("--lanes", "lanes.count", ["2"])`.
public struct ConfigurationFlag: Hashable, Sendable {
    /// The option as it was typed, for errors.
    public var option: String

    /// The key it sets.
    public var key: String

    /// Its values; one unless the key is a list.
    public var values: [String]

    /// Makes a flag.
    public init(_ option: String, _ key: String, _ values: [String]) {
        self.option = option
        self.key = key
        self.values = values
    }
}
