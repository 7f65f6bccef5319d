import Foundation
import Glibc
import Reactor
import Store

/// Something that a server needs from its machine, and whether it is there.
public struct ServerCheck: Codable, Sendable, Hashable {
    /// How it stands.
    public enum State: String, Codable, Sendable {
        /// As it should be.
        case good
        /// The server works, though not as well as it could.
        case fair
        /// The server cannot start or keep what it should.
        case bad
    }

    /// What was looked at.
    public var subject: String
    /// How it stands.
    public var state: State
    /// What was found, for a person.
    public var finding: String
    /// What to do about it; empty when there is nothing to advise.
    public var remedy: String

    /// Makes all checks for a configuration. Takes a moment, and changes nothing but that the data folder is made.
    public static func all(_ configuration: ServerConfiguration) -> [ServerCheck] {
        let folder = configuration.dataFolder
        let isServed = FolderLock.isHeld(in: folder)
        var result = ports(configuration, isServed: isServed)
        result.append(receiveBuffer())
        result.append(openFiles())
        result += data(configuration, isServed: isServed)
        result.append(nameService())
        result.append(clock())
        return result
    }

    private init(_ subject: String, _ state: State, _ finding: String, remedy: String = "") {
        self.subject = subject
        self.state = state
        self.finding = finding
        self.remedy = remedy
    }

    private static func ports(_ configuration: ServerConfiguration, isServed: Bool) -> [ServerCheck] {
        configuration.listeners.filter { $0.transport == .udp }.map { listener in
            guard let address = TransportAddress(host: listener.host, port: listener.port) else {
                return ServerCheck("port", .bad, "\(listener) names no address")
            }
            do throws(SocketError) {
                _ = try BoundDatagramSocket.bind(address)
                return ServerCheck("port", .good, "\(listener) is free")
            } catch {
                let failure = ServerError(error)
                if isServed, error.code == .addressInUse {
                    return ServerCheck(
                        "port", .good, "\(listener) is in use, by the server of this data folder it seems")
                }
                return ServerCheck("port", .bad, failure.reason, remedy: failure.remedy)
            }
        }
    }

    private static func receiveBuffer() -> ServerCheck {
        let wanted = DatagramSocketConfiguration().receiveBuffer
        let path = "/proc/sys/net/core/rmem_max"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let granted = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return ServerCheck("rmem_max", .fair, "\(path) cannot be read") }
        guard granted < wanted else { return ServerCheck("rmem_max", .good, "\(granted) bytes") }
        return ServerCheck(
            "rmem_max", .fair, "\(granted) bytes; bursts above that are lost",
            remedy: "sysctl -w net.core.rmem_max=\(wanted)")
    }

    private static func openFiles() -> ServerCheck {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return ServerCheck("open files", .fair, "the limit cannot be read")
        }
        let enough: rlim_t = 1_024
        return limit.rlim_cur >= enough
            ? ServerCheck("open files", .good, "\(limit.rlim_cur) at most")
            : ServerCheck("open files", .fair, "\(limit.rlim_cur) at most", remedy: "ulimit -n 65536")
    }

    private static func data(_ configuration: ServerConfiguration, isServed: Bool) -> [ServerCheck] {
        let folder = configuration.dataFolder
        guard configuration.store.kind == .sqlite else {
            return [ServerCheck("data folder", .fair, "users and bindings are kept in memory and lost at the end")]
        }
        do throws(StoreError) {
            let database = try Database(folder: folder)
            defer { try? database.close() }
            let isOpen = database.isFolderOpenToOthers
            let owner = isServed ? ", a server works with it" : ""
            return [
                isOpen
                    ? ServerCheck(
                        "data folder", .fair, "\(folder) can be entered by others", remedy: "chmod 700 \(folder)")
                    : ServerCheck("data folder", .good, "\(folder)\(owner)"),
                ServerCheck("database", .good, "\(Database.fileName) can be opened"),
            ]
        } catch {
            return [ServerCheck("data folder", .bad, error.reason, remedy: error.remedy)]
        }
    }

    private static func nameService() -> ServerCheck {
        let servers = (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8))?.split(separator: "\n")
            .filter { $0.hasPrefix("nameserver ") }.map { $0.dropFirst(11) }
        guard let servers, !servers.isEmpty else {
            return ServerCheck(
                "DNS", .fair, "no name server is known; only addresses can be called outside of our domains",
                remedy: "name one in /etc/resolv.conf")
        }
        return ServerCheck("DNS", .good, "asks \(servers.joined(separator: ", "))")
    }

    /// The start of 2026: no clock that has been set says less.
    private static let leastTime: Int64 = 1_767_225_600_000

    private static func clock() -> ServerCheck {
        guard UnixTime.now.milliseconds >= leastTime else {
            return ServerCheck(
                "time", .bad, "the clock is years behind; bindings expire by it",
                remedy: "run an NTP client such as systemd-timesyncd or chrony")
        }
        let synchronised = FileManager.default.fileExists(atPath: "/run/systemd/timesync/synchronized")
        return ServerCheck("time", .good, synchronised ? "the clock is synchronised" : "the clock is plausible")
    }
}
