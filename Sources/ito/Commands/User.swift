import ArgumentParser
import Foundation
import Server

/// `ito user`: the users of a server, whether it runs or not.
struct User: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add, list and remove users, and set their passwords.",
        subcommands: [Add.self, List.self, Remove.self, SetPassword.self])

    /// `ito user add`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a user.",
            discussion: """
                The password comes from standard input, from ITO_PASSWORD, or is asked for at a terminal; without any, one \
                is made and printed, this once.
                """)
        @Argument(help: "The address, as alice@example.com.") var address: String
        @Flag(help: "Read the password from the first line of standard input.") var passwordStdin = false
        @Option(help: "The name to show.") var name: String?
        @Flag(help: "Print a JSON object.") var json = false
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            let given = try Password.read(fromStandardInput: passwordStdin, prompt: "Password of \(address)")
            let password = given ?? Password.generate()
            _ = try await Users(options).ask(
                ControlRequest(.addUser, address: address, password: password, name: name))
            UserReport(event: "added", address: address, password: given == nil ? password : nil).show(asJSON: json)
        }
    }

    /// `ito user list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the users.")
        @Flag(help: "Print a JSON object for each.") var json = false
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            let users = try await Users(options).ask(ControlRequest(.listUsers)).users ?? []
            for user in users {
                if json {
                    Terminal.say(JSONLine.text(user))
                } else {
                    let name = user.name.isEmpty ? "" : "  \(user.name)"
                    Terminal.say("\(user.address)\(name)\(user.isEnabled ? "" : "  (disabled)")")
                }
            }
        }
    }

    /// `ito user remove`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a user.")
        @Argument(help: "The address, as alice@example.com.") var address: String
        @Flag(help: "Print a JSON object.") var json = false
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            _ = try await Users(options).ask(ControlRequest(.removeUser, address: address))
            UserReport(event: "removed", address: address, password: nil).show(asJSON: json)
        }
    }

    /// `ito user password`.
    struct SetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "password", abstract: "Give a user a new password.")
        @Argument(help: "The address, as alice@example.com.") var address: String
        @Flag(help: "Read the password from the first line of standard input.") var passwordStdin = false
        @Flag(help: "Print a JSON object.") var json = false
        @OptionGroup var options: ConfigurationOptions

        func run() async throws {
            let given = try Password.read(fromStandardInput: passwordStdin, prompt: "New password of \(address)")
            let password = given ?? Password.generate()
            _ = try await Users(options).ask(ControlRequest(.setPassword, address: address, password: password))
            UserReport(event: "password changed", address: address, password: given == nil ? password : nil)
                .show(asJSON: json)
        }
    }
}

/// What was done to a user.
private struct UserReport: Encodable {
    var event: String
    var address: String
    /// The password that was made, if one was.
    var password: String?

    func show(asJSON: Bool) {
        if asJSON { return Terminal.say(JSONLine.text(self)) }
        Terminal.say("\(address) \(event)")
        if let password { Terminal.say("password: \(password)") }
    }
}

/// The users of a data folder: those of the server that works with it, or else those in its database.
private struct Users {
    private let configuration: ServerConfiguration
    private let namesDomains: Bool

    init(_ options: ConfigurationOptions) throws {
        configuration = try options.load().configuration
        namesDomains = options.config != nil
    }

    func ask(_ request: ControlRequest) async throws(ServerError) -> ControlResponse {
        if var client = ControlClient(folder: configuration.dataFolder) { return try client.send(request) }
        let users = try OfflineUsers(
            folder: configuration.dataFolder, domains: namesDomains ? configuration.domains : nil)
        defer { users.close() }
        return try await users.serve(request)
    }
}
