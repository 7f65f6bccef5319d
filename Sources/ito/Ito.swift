import ArgumentParser
import Foundation
import Glibc
import Server

/// The executable: a subcommand in each file of `Commands`, and the exit status that scripts rely on.
@main
struct Ito: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ito", abstract: "Itodenwa: a SIP server, phones and tools in one program.",
        version: SIPServer.version,
        subcommands: [
            Serve.self, RelayCommand.self, User.self, Register.self, CallCommand.self, Answer.self, Demo.self,
            Stats.self, Calls.self, Config.self, Load.self, Doctor.self, Codecs.self,
        ])

    /// The exit status for wrong usage.
    private static let usageStatus: Int32 = 2

    static func main() async {
        // A peer or a pipe that is gone is an error of the write, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ServerError {
            Terminal.complain("\(error.reason)", remedy: error.remedy)
            Glibc.exit(error.code.exitStatus)
        } catch let error as ConfigurationProblems {
            for problem in error.problems { Terminal.complain("\(problem)") }
            Glibc.exit(usageStatus)
        } catch let status as ExitCode {
            Glibc.exit(status.rawValue)
        } catch {
            let status = exitCode(for: error)
            if status == .success {
                print(message(for: error))
                Glibc.exit(0)
            }
            Terminal.write(fullMessage(for: error) + "\n", to: STDERR_FILENO)
            Glibc.exit(usageStatus)
        }
    }
}
