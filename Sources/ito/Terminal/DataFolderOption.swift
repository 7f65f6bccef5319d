import ArgumentParser
import Foundation
import Server

/// The configuration as the options, the environment and the file have it.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration file.", valueName: "ito.yaml"))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The folder of the database and the control socket; $ITO_DATA, or else ~/.local/share/itodenwa.",
            valueName: "dir"))
    var data: String?

    /// Reads the configuration.
    ///
    /// - Throws: `ConfigurationProblems`.
    func load(_ flags: [ConfigurationFlag] = []) throws(ConfigurationProblems) -> LoadedConfiguration {
        let environment = ProcessInfo.processInfo.environment
        var flags = flags
        if let data { flags.append(ConfigurationFlag("--data", "data-folder", [data])) }
        return try ConfigurationLoader.load(file: config, environment: environment, flags: flags)
    }
}
