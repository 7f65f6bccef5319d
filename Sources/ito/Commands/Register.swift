import ArgumentParser
import Foundation
import Media
import Reactor
import SIP
import Server
import UserAgent

/// `ito register`: registers an account and keeps it registered.
struct Register: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Register an account, and stay registered.")

    @Argument(help: "The account, such as sip:alice@example.com.") var uri: String
    @OptionGroup var phone: PhoneOptions
    @Option(help: "For how many seconds a binding is asked for.") var expires = 3_600
    @Flag(help: "Register once, take the binding away again, and end.") var once = false

    func run() async throws {
        var account = try phone.account(uri)
        account.expires = .seconds(expires)
        let agent = try await Phone.start(account, phone)
        do throws(RegistrationError) {
            try await agent.register()
        } catch {
            Terminal.complain("not registered: \(error)", remedy: Phone.remedy(error, account))
            await agent.shutDown()
            throw ExitCode(1)
        }
        Terminal.say("registered \(account.uri)")
        if !once {
            let signals = Signals([SIGINT, SIGTERM])
            for await _ in signals.stream { break }
        }
        await agent.shutDown()
        Terminal.say("unregistered \(account.uri)")
    }
}

/// Starting the user agent of a command.
enum Phone {
    /// Makes a user agent that is not registered yet.
    static func start(
        _ account: Account, _ phone: PhoneOptions, codecs: [AudioCodecName] = [.pcmu, .pcma],
        audio: AudioSettings = AudioSettings(), callsSecurely: Bool = false,
        trace: (@Sendable (TracedMessage) -> Void)? = nil
    ) async throws -> UserAgent {
        var options = UserAgent.Options(address: try phone.bindAddress())
        options.port = phone.localPort
        options.registers = false
        options.codecs = codecs
        options.audio = audio
        options.trace = trace
        options.trust = try phone.trust()
        options.callsSecurely = callsSecurely
        do throws(any Error) {
            return try await UserAgent(account: account, options: options)
        } catch {
            guard !(error is TLSConfigurationError) else {
                throw ServerError(.environment, "\(error)", remedy: "name a file of authorities with --ca-file")
            }
            throw ServerError(.environment, "\(error)", remedy: "choose another --local-port, or none")
        }
    }

    /// What a person can do about a registration that failed.
    static func remedy(_ error: RegistrationError, _ account: Account) -> String {
        if let remedy = remedy(forTLS: error.reason) { return remedy }
        return switch error.status?.rawValue {
        case 401, 407: "check the password (ITO_PASSWORD or --password-stdin) of \(account.uri.user ?? "the user")"
        case 403: "the server does not let this user register \(account.uri)"
        case 404: "the server knows no user \(account.uri); add it with: ito user add"
        case nil: "is a server running at \(account.proxy ?? account.uri)? Name another one with --proxy"
        default: "the server's reason is above"
        }
    }

    /// What a person can do when a connection could not be secured; nil when that was not the matter.
    static func remedy(forTLS reason: String) -> String? {
        guard reason.contains("not secured: ") else { return nil }
        return reason.contains("is not trusted")
            ? "name the PEM file of that authority, or of a certificate that is signed by itself, with --ca-file"
            : "write the server's name in --proxy as its certificate has it; --ca-file names authorities to trust"
    }
}
