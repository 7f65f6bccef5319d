public import Reactor

/// Why load could not be put on a server.
public enum LoadError: Error, Sendable, CustomStringConvertible {
    /// A socket could not be had.
    case socket(SocketError)
    /// A connection could not be made, for the reason.
    case connection(String)

    /// The reason for a person.
    public var description: String {
        switch self {
        case .socket(let error): "\(error)"
        case .connection(let reason): "no connection to the server: \(reason)"
        }
    }
}
