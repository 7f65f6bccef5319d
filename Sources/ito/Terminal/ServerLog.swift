import Foundation
import Glibc
import Logging
import Server
import Synchronization

/// Writes the log to standard error, a line for people or a JSON object for each event.
struct ServerLog: LogHandler {
    /// The least severity that is written, for all logs of the process; it can change while the server runs.
    static let leastLevel = Mutex(Logger.Level.info)

    /// Has all logs of the process written as the configuration wants, once; the log of the program itself, with what reading the configuration
    /// has given to say.
    static func begin(_ configuration: ServerConfiguration.Logging, notes: [ConfigurationDiagnostic]) -> Logger {
        LoggingSystem.bootstrap { ServerLog(format: configuration.format, label: $0) }
        leastLevel.withLock { $0 = Logger.Level(configuration.level) }
        let logger = Logger(label: "ito")
        for note in notes { logger.notice("\(note)") }
        return logger
    }

    let format: ServerConfiguration.Logging.Format
    let label: String
    var metadata: Logger.Metadata = [:]

    var logLevel: Logger.Level {
        get { Self.leastLevel.withLock { $0 } }
        set { Self.leastLevel.withLock { $0 = newValue } }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = metadata.merging(event.metadata ?? [:]) { $1 }
        switch format {
        case .text:
            let rest = details.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            Terminal.write("\(Self.time) \(event.level) \(event.message)\(rest)\n", to: STDERR_FILENO)
        case .json:
            var object = details.mapValues { "\($0)" }
            object["time"] = Self.time
            object["level"] = "\(event.level)"
            object["log"] = label
            object["message"] = "\(event.message)"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // Texts by name can always be encoded.
            guard let data = try? encoder.encode(object) else { return }
            Terminal.write(String(decoding: data, as: UTF8.self) + "\n", to: STDERR_FILENO)
        }
    }

    private static var time: String { Date.now.formatted(.iso8601.time(includingFractionalSeconds: true)) }
}

extension Logger.Level {
    /// The level of the configuration.
    init(_ level: ServerConfiguration.Logging.Level) { self = Logger.Level(rawValue: level.rawValue) ?? .info }
}
