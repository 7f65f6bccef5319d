import ArgumentParser
import Server

/// `ito config`: checks configuration files and explains their keys.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check configuration files and explain their keys.", subcommands: [Check.self, Reference.self])

    /// `ito config check`.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say what is wrong with a file, with lines.")
        @Argument(help: "The file.") var file: String

        func run() throws {
            let loaded = try ConfigurationLoader.check(file: file).get()
            for note in loaded.notes { Terminal.complain("note: \(note)") }
            Terminal.say("\(file) is good")
        }
    }

    /// `ito config reference`.
    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print all keys with their defaults, as Markdown.")

        func run() { Terminal.write(ConfigurationReference.markdown, to: 1) }
    }
}
