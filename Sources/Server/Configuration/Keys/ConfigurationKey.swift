/// One key of the configuration, described for people: what the reference prints.
public struct ConfigurationKey: Hashable, Sendable {
    /// When a change of the key in the file takes effect.
    public enum Effect: Hashable, Sendable {
        /// When the configuration is read again (SIGHUP).
        case reload
        /// When the server is started again.
        case restart
    }

    /// The dotted name in `ito.yaml`, as in `timers.t1`; `[]` stands for the elements of a list.
    public let name: String

    /// What kind of value it takes, for a person: `duration`, `size`, `list of domains`.
    public let kind: String

    /// Which values are allowed, for a person; empty when all of the kind are.
    public let allowed: String

    /// The default as it would be written in the file.
    public let defaultText: String

    /// What the key is for.
    public let documentation: String

    /// Where it comes from, as in `RFC 3261 §17.1.1.1`; empty when it is a choice of this server.
    public let source: String

    /// When a change takes effect.
    public let effect: Effect

    /// The environment variable that sets it; nil for what only the file can tell.
    public var environmentVariable: String? {
        guard !name.contains("[]") else { return nil }
        let characters = name.utf8.map { byte -> UInt8 in
            switch byte {
            case 0x61...0x7A: byte - 0x20
            case 0x30...0x39, 0x41...0x5A: byte
            default: 0x5F
            }
        }
        return ConfigurationSchema.environmentPrefix + String(decoding: characters, as: UTF8.self)
    }
}
