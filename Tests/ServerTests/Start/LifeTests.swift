import Foundation
import Proxy
import Reactor
import SIPEndpoint
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

    /// Callers of service numbers hear BYE, on whichever lane their call is.
    @Test func aStopHangsUpAllCalls() async throws {
        try await withServer { server, port in
            var phones: [RawPhone] = []
            for _ in 0..<6 {
                let phone = try RawPhone(server: port)
                let answer = try await phone.ask(phone.invite("echo"))
                #expect(answer.status == 200)
                phone.send(try phone.request("ACK", after: answer, cSeq: 1))
                // Answered behind the ACK, so that the calls are up.
                #expect(try await phone.ask(phone.request("OPTIONS", after: answer, cSeq: 2)).status == 200)
                phones.append(phone)
            }
            let start = ContinuousClock.now
            await server.stop()
            #expect(ContinuousClock.now - start < SIPServer.stopLimit)
            for phone in phones { #expect(try await phone.next().text.hasPrefix("BYE ")) }
        }
    }

    /// A domain that comes with a reload has the users and bindings that it had in an earlier life.
    @Test func aReloadAddsADomain() async throws {
        let folder = try TemporaryFolder("server")
        let second = ServerConfiguration.Domain(name: "second.test")
        let phone = try await withServer({ $0.domains.append(second) }, folder: folder) { server, port in
            try await server.addUser(try UserAddress("carol@second.test"), password: "secret")
            let phone = try RawPhone(server: port)
            #expect(try await phone.register("carol", password: "secret", domain: "second.test").status == 200)
            return phone
        }
        try await withServer(folder: folder, users: []) { server, port in
            let caller = try RawPhone(server: port)
            func call() async throws -> Int {
                let request = caller.request("OPTIONS", "sip:nobody@second.test", from: "sip:a@elsewhere.test")
                return try await caller.ask(request).status
            }
            #expect(try await call() == 403)
            var new = server.configuration
            new.domains.append(second)
            #expect(await server.reload(new).reloadable.map(\.key) == ["domains"])
            #expect(try await call() == 404)
            caller.send(caller.request("MESSAGE", "sip:carol@second.test", from: "sip:a@elsewhere.test"))
            #expect(try await phone.next().text.hasPrefix("MESSAGE sip:phone@127.0.0.1:\(phone.port) "))
            let other = try RawPhone(server: port)
            #expect(try await other.register("carol", password: "secret", domain: "second.test").status == 200)
            try await server.addUser(try UserAddress("dave@second.test"), password: "secret")
            #expect(try await other.register("dave", password: "secret", domain: "second.test").status == 200)
        }
    }

    @Test func aReloadReachesServicesAndProxy() async throws {
        try await withServer { server, port in
            let phone = try RawPhone(server: port)
            func call(_ user: String) async throws -> Int {
                let request = phone.request("OPTIONS", "sip:\(user)@localhost", from: "sip:a@elsewhere.test")
                return try await phone.ask(request).status
            }
            #expect(try await call("echo") == 200)
            #expect(try await call("parrot") == 404)
            var new = server.configuration
            new.services.echoUser = "parrot"
            new.proxy.ringTime = .seconds(7)
            let difference = await server.reload(new)
            #expect(difference.reloadable.map(\.key) == ["proxy.ring-time", "services.echo"])
            #expect(try await call("echo") == 404)
            #expect(try await call("parrot") == 200)
            for (lane, dispatcher) in zip(server.endpoint.lanes, server.dispatchers) {
                let ringTime = await lane.lane.run { _ in dispatcher.proxy.configuration.ringTime }
                #expect(ringTime == .seconds(7))
            }
        }
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
