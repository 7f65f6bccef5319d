import Foundation
import Testing
import TestKit

@testable import Server

@Suite struct LifeTests {
    @Test func aSecondServerOnThePortFails() async throws {
        try await withServer { _, port in
            let folder = try TemporaryFolder("server")
            var configuration = ServerConfiguration.forTests(in: folder)
            configuration.listeners[0].port = port
            let error = await #expect(throws: ServerError.self) { try await SIPServer.start(configuration) }
            #expect(error?.code == .environment)
            #expect(error?.reason.contains("127.0.0.1:\(port) is in use") == true)
            #expect(error?.remedy.isEmpty == false)
        }
    }

    @Test func aSecondServerOnTheDataFolderFails() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, _ in
            let error = await #expect(throws: ServerError.self) {
                try await SIPServer.start(ServerConfiguration.forTests(in: folder))
            }
            #expect(error?.code == .environment)
            #expect(error?.reason.contains("works with the data folder") == true)
        }
        // The first has stopped: the folder is free again.
        try await withServer(folder: folder, users: []) { server, _ in #expect(server.listeners.count == 1) }
    }

    @Test func openDoorsAreRefused() async throws {
        let folder = try TemporaryFolder("server")
        var configuration = ServerConfiguration.forTests(in: folder)
        configuration.authentication.isRequired = false
        configuration.listeners = [ServerConfiguration.Listener(transport: .udp, address: "0.0.0.0", port: 0)]
        let error = await #expect(throws: ServerError.self) { try await SIPServer.start(configuration) }
        #expect(error?.code == .usage)
    }

    @Test func secretsAreForTheirOwnerOnly() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, _ in
            for name in ["route.key", "control.sock", "itodenwa.sqlite", "server.lock"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder.file("data/\(name)"))
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(name)")
            }
        }
    }

    /// Dialogs of before a restart go on only when the tokens in their routes are still good.
    @Test func theRouteKeyOutlivesARestart() async throws {
        let folder = try TemporaryFolder("server")
        func key() throws -> Data {
            try #require(FileManager.default.contents(atPath: folder.file("data/route.key")))
        }
        let first = try await withServer(folder: folder) { _, _ in try key() }
        let second = try await withServer(folder: folder, users: []) { _, _ in try key() }
        #expect(first.count == 16)
        #expect(first == second)
    }

    @Test func aReloadTakesOverWhatItCan() async throws {
        try await withServer { server, port in
            var new = server.configuration
            new.registrar.minimumExpires = .seconds(600)
            new.lanes.count = 7
            let difference = await server.reload(new)
            #expect(difference.reloadable.map(\.key) == ["registrar.minimum-expires"])
            #expect(difference.needingRestart.map(\.key) == ["lanes.count"])
            let phone = try RawPhone(server: port)
            let of = "sip:alice@localhost"
            let challenge = try await phone.ask(phone.request("REGISTER", "sip:localhost", from: of, to: of))
            let credentials = try challenge.answer(
                "WWW-Authenticate", "alice", "secret of alice", method: "REGISTER", uri: "sip:localhost")
            let answer = try await phone.ask(
                phone.request(
                    "REGISTER", "sip:localhost", from: of, to: of, cSeq: 2,
                    headers: ["Expires: 300", "Authorization: \(credentials)"]))
            #expect(answer.status == 423)
            #expect(answer.values("Min-Expires") == ["600"])
        }
    }
}
