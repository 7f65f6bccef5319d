import Foundation
import Testing
import TestKit

@testable import Server

@Suite struct ControlTests {
    /// Sends requests on one connection from a thread that may wait.
    private func ask(_ folder: TemporaryFolder, _ requests: [ControlRequest]) async throws -> [ControlResponse] {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        guard var client = ControlClient(folder: folder.file("data")) else {
                            throw ServerError(.environment, "no server")
                        }
                        var responses: [ControlResponse] = []
                        for request in requests { responses.append(try client.send(request)) }
                        return responses
                    })
            }
        }
    }

    @Test func aUserWhoIsAddedCanRegisterAtOnce() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, port in
            let phone = try RawPhone(server: port)
            #expect(try await phone.register("carol", password: "first").status == 401)
            _ = try await ask(folder, [ControlRequest(.addUser, address: "carol@localhost", password: "first")])
            #expect(try await phone.register("carol", password: "first").status == 200)
            _ = try await ask(folder, [ControlRequest(.setPassword, address: "carol@localhost", password: "second")])
            #expect(try await phone.register("carol", password: "first").status == 401)
            #expect(try await phone.register("carol", password: "second").status == 200)
            _ = try await ask(folder, [ControlRequest(.removeUser, address: "carol@localhost")])
            #expect(try await phone.register("carol", password: "second").status == 401)
            let caller = try RawPhone(server: port)
            let answer = try await caller.ask(
                caller.request("MESSAGE", "sip:carol@localhost", from: "sip:a@elsewhere.test"))
            #expect(answer.status == 404)
        }
    }

    @Test func usersAreListed() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, _ in
            let response = try await ask(folder, [ControlRequest(.listUsers)])
            #expect(response[0].users?.map(\.address) == ["alice@localhost", "bob@localhost"])
        }
    }

    @Test(arguments: [
        (ControlRequest(.addUser, address: "alice@localhost", password: "x"), "is there already", Int32(1)),
        (ControlRequest(.addUser, address: "alice@locahost", password: "x"), "is no domain of this server", 1),
        (ControlRequest(.addUser, address: "carol@localhost", password: ""), "the password is empty", 1),
        (ControlRequest(.removeUser, address: "carol@localhost"), "there is no user carol@localhost", 1),
        (ControlRequest(.setPassword, address: "carol@localhost", password: "x"), "there is no user", 1),
        (ControlRequest(.addUser, address: "@localhost", password: "x"), "names no user", 2),
        (ControlRequest(.reload), "without a source", 1),
    ])
    func whatCannotBeDoneSaysWhy(request: ControlRequest, reason: String, status: Int32) async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, _ in
            let error = await #expect(throws: ServerError.self) { _ = try await ask(folder, [request]) }
            #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
            #expect(error?.code.exitStatus == status)
        }
    }

    @Test func countersTellWhatHappened() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { _, port in
            let phone = try RawPhone(server: port)
            let answer = try await phone.register("alice", password: "secret of alice")
            #expect(answer.status == 200)
            let statistics = try #require(try await ask(folder, [ControlRequest(.stats)])[0].statistics)
            #expect(statistics.users == 2)
            #expect(statistics.bindings == 1)
            #expect(statistics.registrar["added"] == 1)
            #expect(statistics.authentication["challenged"] == 1)
            #expect(statistics.authentication["accepted"] == 1)
            #expect(statistics.signalling["requestsReceived"] == 2)
            #expect(statistics.lanes.count == 2)
        }
    }

    /// People read what goes over the socket too.
    @Test func addressesAreWrittenAsTheyAre() throws {
        var response = ControlResponse()
        response.lines = ["udp://127.0.0.1:5060"]
        let line = String(decoding: try #require(response.line), as: UTF8.self)
        #expect(line == "{\"lines\":[\"udp://127.0.0.1:5060\"]}\n")
    }

    @Test func aStopIsAskedFor() async throws {
        let folder = try TemporaryFolder("server")
        try await withServer(folder: folder) { server, _ in
            _ = try await ask(folder, [ControlRequest(.stop)])
            await server.stopRequested()
        }
        await #expect(throws: ServerError.self) { _ = try await ask(folder, [ControlRequest(.version)]) }
    }
}
