/// Something about the configuration that a person should know: a problem that stops the server, or a note.
public struct ConfigurationDiagnostic: Hashable, Sendable {
    /// Where the text came from that this is about.
    public enum Place: Hashable, Sendable {
        /// A line of a file, from 1; nil for the file as a whole.
        case file(String, line: Int?)
        /// An environment variable.
        case environment(String)
        /// An option of the command line.
        case option(String)
        /// The configuration as a whole: nothing that was written anywhere.
        case defaults
    }

    /// Where.
    public let place: Place

    /// The key it is about, as in `timers.t1`; empty for a file as a whole.
    public let key: String

    /// What is wrong, for a person.
    public let reason: String

    /// What to do about it, for a person; empty when there is nothing to advise.
    public let remedy: String
}

extension ConfigurationDiagnostic: CustomStringConvertible {
    /// One line: `ito.yaml:7: timers.t1: expected a duration …; write for example 500ms`.
    public var description: String {
        ["\(place)", key, remedy.isEmpty ? reason : "\(reason); \(remedy)"].filter { !$0.isEmpty }
            .joined(separator: ": ")
    }
}

extension ConfigurationDiagnostic.Place: CustomStringConvertible {
    /// `FILE:LINE`, the variable's or the option's name, or nothing.
    public var description: String {
        switch self {
        case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
        case .environment(let name): name
        case .option(let name): name
        case .defaults: ""
        }
    }
}

/// All that is wrong with a configuration.
public struct ConfigurationProblems: Error, Hashable, Sendable, CustomStringConvertible {
    /// At least one, in the order of the file, then of the environment, then of the command line.
    public let problems: [ConfigurationDiagnostic]

    /// What is worth knowing besides.
    public let notes: [ConfigurationDiagnostic]

    /// One line for each problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
