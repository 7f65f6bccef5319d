import Logging
import Reactor
import SIPEndpoint
import TestKit

@testable import Server

/// Runs a server on a port of the kernel's choice, with a data folder of its own, and stops it at the end.
func withServer<Result>(
    _ change: (inout ServerConfiguration) -> Void = { _ in }, folder: TemporaryFolder? = nil,
    users: [String] = ["alice", "bob"], _ body: (SIPServer, UInt16) async throws -> Result
) async throws -> Result {
    let folder = try folder ?? TemporaryFolder("server")
    var configuration = ServerConfiguration.forTests(in: folder)
    change(&configuration)
    let server = try await SIPServer.start(
        configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    do {
        // Until then an address without bindings is answered 503.
        await server.bindingsLoaded()
        for user in users {
            try await server.addUser(try UserAddress("\(user)@localhost"), password: "secret of \(user)")
        }
        let result = try await body(server, server.listeners[0].address.port)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}

extension ServerConfiguration {
    /// One UDP listener on a free port of 127.0.0.1, and two lanes, so that messages change lanes.
    static func forTests(in folder: TemporaryFolder) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.listeners = [Listener(transport: .udp, address: "127.0.0.1", port: 0)]
        configuration.dataFolder = folder.file("data")
        configuration.lanes.count = 2
        return configuration
    }
}
