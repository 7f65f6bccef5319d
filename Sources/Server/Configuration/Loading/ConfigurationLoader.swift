import Foundation

/// A configuration that can be used, and what is worth knowing about it.
public struct LoadedConfiguration: Hashable, Sendable {
    /// The configuration.
    public let configuration: ServerConfiguration

    /// What a person should know, though nothing is wrong.
    public let notes: [ConfigurationDiagnostic]
}

/// Reads the configuration: options of the command line go before environment variables, these before the file, and the
/// file before the defaults.
///
/// All that is wrong is found at once, with its place; nothing is guessed or skipped.
public enum ConfigurationLoader {
    /// The most bytes of a file.
    public static let maximumFileSize = 1 << 20

    /// Reads the configuration.
    ///
    /// - Parameters:
    ///   - file: The path of `ito.yaml`; nil for none.
    ///   - environment: Environment variables; `ITO_TIMERS_T1` sets `timers.t1`, lists have commas.
    ///   - flags: Options of the command line.
    /// - Throws: all problems that were found.
    public static func load(
        file: String?, environment: [String: String],
        flags: [ConfigurationFlag] = []
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        guard let file else { return try load(layer: ConfigurationLayer(), environment: environment, flags: flags) }
        return try load(layer: read(file), environment: environment, flags: flags)
    }

    /// Reads the configuration with the text of a file in place of the file.
    ///
    /// - Parameters:
    ///   - yaml: The text.
    ///   - name: The name of the file it stands for, in errors.
    ///   - environment: Environment variables.
    ///   - flags: Options of the command line.
    /// - Throws: all problems that were found.
    public static func load(
        yaml: String, name: String = "ito.yaml", environment: [String: String] = [:], flags: [ConfigurationFlag] = []
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        try load(layer: ConfigurationLayer(yaml: yaml, path: name), environment: environment, flags: flags)
    }

    /// Checks a file alone, without environment and command line, for `ito config check FILE`.
    public static func check(file: String) -> Result<LoadedConfiguration, ConfigurationProblems> {
        Result { () throws(ConfigurationProblems) in try load(file: file, environment: [:]) }
    }

    private static func load(
        layer: ConfigurationLayer, environment: [String: String], flags: [ConfigurationFlag]
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        let layers = ConfigurationLayers(
            flags: ConfigurationLayer(flags: flags), environment: ConfigurationLayer(environment: environment),
            variables: environment, file: layer)
        let configuration = layers.resolve()
        let checks = ConfigurationChecks(configuration, layers: layers)
        let problems = layers.problems + checks.problems
        let notes = layers.notes + checks.notes
        guard problems.isEmpty else { throw ConfigurationProblems(problems: problems, notes: notes) }
        return LoadedConfiguration(configuration: configuration, notes: notes)
    }

    /// Reads a file; what is wrong with it is in the layer's problems.
    private static func read(_ path: String) -> ConfigurationLayer {
        var layer = ConfigurationLayer()
        let place = ConfigurationDiagnostic.Place.file(path, line: nil)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            layer.fail(
                "", "cannot be read: \(String(cString: strerror(errno)))",
                remedy: "name the file with --config, or leave the option out to start with the defaults", at: place)
            return layer
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard let data = try? file.read(upToCount: maximumFileSize + 1) ?? Data() else {
            layer.fail("", "cannot be read", remedy: "name a file, not a folder, with --config", at: place)
            return layer
        }
        guard data.count <= maximumFileSize else {
            layer.fail("", "is larger than 1 MiB", remedy: "name the right file with --config", at: place)
            return layer
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            layer.fail("", "is not a text in UTF-8", remedy: "save it as UTF-8", at: place)
            return layer
        }
        return ConfigurationLayer(yaml: text, path: path)
    }
}
