import Configuration

/// The sources of a configuration in their order: command line, environment, file; below them are the defaults.
struct ConfigurationLayers {
    private let flags: ConfigurationLayer
    private let environment: ConfigurationLayer
    private let file: ConfigurationLayer
    private let reader: ConfigReader
    /// The folder of `ITO_DATA`, for commands of all kinds; it counts where nothing sets the key.
    private let dataFolder: String?

    /// Puts sources over one another.
    ///
    /// - Parameters:
    ///   - flags: What the command line says.
    ///   - environment: What the environment says.
    ///   - variables: The environment itself.
    ///   - file: What the file says.
    init(
        flags: ConfigurationLayer, environment: ConfigurationLayer, variables: [String: String],
        file: ConfigurationLayer
    ) {
        self.flags = flags
        self.environment = environment
        self.file = file
        dataFolder = variables[ConfigurationSchema.dataVariable].flatMap { $0.isEmpty ? nil : $0 }
        // Only variables that were found right: the reader falls back to the next source for the others.
        let right = Set(
            environment.entries.values.compactMap { entry in
                if case .environment(let name) = entry.place { name } else { nil }
            })
        // The prefix of all our variables, as the first part of each key.
        let prefix = ConfigKey([String(ConfigurationSchema.environmentPrefix.lowercased().dropLast())])
        reader = ConfigReader(providers: [
            flags.provider(named: "command line"),
            EnvironmentVariablesProvider(environmentVariables: variables.filter { right.contains($0.key) })
                .prefixKeys(with: prefix),
            file.provider(named: "file"),
        ])
    }

    /// All problems, those of the file first.
    var problems: [ConfigurationDiagnostic] { file.problems + environment.problems + flags.problems }

    /// All notes.
    var notes: [ConfigurationDiagnostic] { file.notes + environment.notes + flags.notes }

    /// Whether any source has a wrong value for the key, or for one below it.
    func isWrong(_ key: String) -> Bool {
        [flags, environment, file].contains { layer in
            layer.wrongKeys.contains { $0 == key || $0.hasPrefix("\(key)[") }
        }
    }

    /// Whether any source sets the key.
    func isSet(_ key: String) -> Bool { place(of: key) != .defaults }

    /// Where the value of the key stands.
    func place(of key: String) -> ConfigurationDiagnostic.Place {
        let parts = key.split(separator: ".").map(String.init)
        return [flags, environment, file].lazy.compactMap { $0.entries[parts]?.place }.first ?? .defaults
    }

    /// The configuration: for each key the value of the first source that has one.
    func resolve() -> ServerConfiguration {
        var configuration = ServerConfiguration()
        if let dataFolder { configuration.dataFolder = dataFolder }
        for setting in ConfigurationSchema.settings {
            let key = ConfigKey(setting.key.name)
            let texts = setting.isList ? reader.stringArray(forKey: key) : reader.string(forKey: key).map { [$0] }
            // Each source was checked before it came here.
            if let texts { try? setting.write(&configuration, texts) }
        }
        if let listeners = elements(of: ConfigurationSchema.listeners) { configuration.listeners = listeners }
        configuration.domains =
            elements(of: ConfigurationSchema.domains) ?? [Self.defaultDomain(configuration.listeners)]
        return configuration
    }

    private func elements<Element>(of list: ListSetting<Element>) -> [Element]? {
        reader.stringArray(forKey: ConfigKey([list.key.name])).map { names in
            names.map { text in
                var element = list.make()
                // Each source was checked before it came here.
                try? list.field(list.primary)?.write(&element, [text])
                let below = reader.scoped(to: ConfigKey([list.key.name, list.name(of: element)]))
                for field in list.fields where list.name(of: field) != list.primary {
                    let key = ConfigKey([list.name(of: field)])
                    let texts = field.isList ? below.stringArray(forKey: key) : below.string(forKey: key).map { [$0] }
                    if let texts { try? field.write(&element, texts) }
                }
                return element
            }
        }
    }

    /// The domain of a server whose domains nobody named: users are addressed by the addresses that it listens on.
    private static func defaultDomain(_ listeners: [ServerConfiguration.Listener]) -> ServerConfiguration.Domain {
        var domain = ServerConfiguration().domains[0]
        for listener in listeners {
            let hosts = [listener.isWildcard ? nil : listener.host, listener.advertised?.host]
            for host in hosts.compactMap(\.self) where host != domain.name && !domain.aliases.contains(host) {
                domain.aliases.append(host)
            }
        }
        return domain
    }
}
