import Foundation

/// A program to start, with its arguments and the package that a person installs to have it.
public struct PeerCommand: Sendable {
    /// A name that is looked up in the search path, or a path when it holds a slash.
    public var program: String
    public var arguments: [String]
    /// Added to the environment of the test, or replacing its variables.
    public var environment: [String: String]
    /// The Debian package with the program, for the hint when it is missing.
    public var package: String

    public init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], package: String
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.package = package
    }

    /// Where servers are installed though an ordinary user's search path may leave these folders out.
    static let systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"]

    /// Finds the program's file.
    ///
    /// - Throws: ``PeerError`` with the code `programMissing` and the command that installs it.
    public func executable() throws(PeerError) -> String {
        if program.contains("/") {
            if FileManager.default.isExecutableFile(atPath: program) { return program }
        } else {
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
            for folder in path.split(separator: ":").map(String.init) + Self.systemFolders {
                let file = folder + "/" + program
                if FileManager.default.isExecutableFile(atPath: file) { return file }
            }
        }
        throw PeerError(
            .programMissing,
            "'\(program)' is not installed; run script/setup --tests, or: apt-get install \(package)")
    }
}
