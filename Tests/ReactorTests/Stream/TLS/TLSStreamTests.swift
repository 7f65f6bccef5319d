import Reactor
import TestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct TLSStreamTests {
    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func linesGoBothWays(family: TransportAddress.Family) async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: StreamRecorder.echo)
            let client = StreamRecorder()
            let address = try await threads.listen(server, world.server(), family: family)
            let connection = threads.connector(client).connect(
                to: address, security: try world.client(), domain: "example.com")
            // What is sent before the handshake waits for its end.
            #expect(connection.send(Array("one\n".utf8)))
            let opened = try await client.nextOpened()
            #expect(opened === connection)
            #expect(connection.peerNames?.domains == ["example.com"])
            connection.send([Array("two\n".utf8), Array("three\n".utf8)])
            #expect(try await client.lines(3) == ["one", "two", "three"])
            let accepted = try await server.nextOpened()
            #expect(accepted.tag == 3)
            #expect(accepted.peerNames == nil)
            connection.close()
            #expect(try await client.untilClosed().last == .closed(.local))
            #expect(try await server.untilClosed().last == .closed(.remote))
            #expect(threads.statistics.handshakeErrors == 0)
        }
    }

    /// Larger than a record of TLS, and than what the kernel holds.
    @Test func muchGoesThrough() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: StreamRecorder.echo)
            let client = StreamRecorder()
            let address = try await threads.listen(server, world.server())
            let connection = threads.connector(client).connect(
                to: address, security: try world.client(), domain: "example.com")
            let lines = (0..<8_000).map { "\($0) " + String(repeating: "x", count: 90) }
            connection.send(lines.map { Array("\($0)\n".utf8) })
            #expect(try await client.lines(8_000) == lines)
        }
    }

    /// RFC 5922 §7.3: the connection is closed before anything is sent on it.
    @Test(
        arguments: [
            ([[.dns("example.net")]], "example.com"), ([[.dns("*.com")]], "example.com"),
            ([[.dns("a.example.com")]], "example.com"), ([[.uri("sip:alice@example.com")]], "example.com"),
            ([[.dns("localhost")]], "127.0.0.1"), ([[.address("127.0.0.2")]], "127.0.0.1"),
        ] as [([[CertificateAuthority.Name]], String)])
    func aServerOfAnotherNameIsLeft(names: [[CertificateAuthority.Name]], domain: String) async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let (server, client) = (StreamRecorder(), StreamRecorder())
            let address = try await threads.listen(server, world.server(names))
            let connection = threads.connector(client).connect(
                to: address, security: try world.client(), domain: domain)
            connection.send(Array("secret\n".utf8))
            guard case .closed(.notSecured(let failure)) = try await client.next() else {
                Issue.record("the connection was made")
                return
            }
            #expect(failure.kind == .wrongName)
            #expect(failure.reason.contains(domain))
            // The server has taken the handshake for good, and hears of the end alone.
            #expect(try await server.untilClosed() == [.opened, .inputEnded, .closed(.remote)])
            #expect(threads.statistics.handshakeErrors == 1)
        }
    }

    @Test func anUntrustedServerIsLeftWithTheReason() async throws {
        let (world, other) = (try SecuredWorld(), try CertificateAuthority("Another Authority"))
        let forged = TLSConfiguration(identities: [try other.issue([.dns("example.com")]).identity])
        let old = TLSConfiguration(
            identities: [try world.authority.issue([.dns("example.com")], days: -20 ... -10).identity])
        let early = TLSConfiguration(
            identities: [try world.authority.issue([.dns("example.com")], days: 10...20).identity])
        try await withStreams { threads async throws in
            for (configuration, kind, word) in [
                (forged, TLSFailure.Kind.untrusted, "Another Authority"), (old, .expired, "has expired"),
                (early, .expired, "not valid yet"),
            ] {
                let (server, client) = (StreamRecorder(), StreamRecorder())
                let address = try await threads.listen(server, TLSContext(configuration))
                _ = threads.connector(client).connect(
                    to: address, security: try world.client(), domain: "example.com")
                guard case .closed(.notSecured(let failure)) = try await client.next() else {
                    Issue.record("the connection was made")
                    continue
                }
                #expect(failure.kind == kind)
                #expect(failure.reason.contains(word), "\(failure.reason)")
            }
        }
    }

    @Test func clientsProveTheirDomains() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            for verification in [TLSConfiguration.ClientVerification.optional, .required] {
                let (server, client) = (StreamRecorder(), StreamRecorder())
                let address = try await threads.listen(server, world.server(clients: verification))
                let connection = threads.connector(client).connect(
                    to: address, security: try world.client([.uri("sip:example.net"), .dns("h.example.net")]),
                    domain: "example.com")
                #expect(try await server.nextOpened().peerNames?.domains == ["example.net"])
                connection.close()
                _ = try await client.untilClosed()
            }
        }
    }

    @Test func clientsWithoutACertificate() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let (lenient, client) = (StreamRecorder(), StreamRecorder())
            let address = try await threads.listen(lenient, world.server(clients: .optional))
            _ = threads.connector(client).connect(to: address, security: try world.client(), domain: "example.com")
            #expect(try await lenient.nextOpened().peerNames == nil)
            let (strict, stranger) = (StreamRecorder(), StreamRecorder())
            let guarded = try await threads.listen(strict, world.server(clients: .required))
            _ = threads.connector(stranger).connect(to: guarded, security: try world.client(), domain: "example.com")
            // With TLS 1.3 a client has finished before its server has looked at what it lacks.
            let events = try await stranger.untilClosed()
            #expect(events.last != .closed(.local))
            guard case .refused(.notSecured(let failure)) = try await strict.next() else {
                Issue.record("the connection was taken")
                return
            }
            #expect(failure.kind == .noCertificate)
        }
    }

    /// A client with a certificate of an authority that the server does not know.
    @Test func aForgedClientIsRefused() async throws {
        let (world, other) = (try SecuredWorld(), try CertificateAuthority("Another Authority"))
        var forger = TLSConfiguration(identities: [try other.issue([.dns("example.net")]).identity])
        forger.trust = .authorities(try world.authority.authorities)
        let forged = try TLSContext(forger)
        try await withStreams { threads async throws in
            for verification in [TLSConfiguration.ClientVerification.optional, .required] {
                let (server, client) = (StreamRecorder(), StreamRecorder())
                let address = try await threads.listen(server, world.server(clients: verification))
                _ = threads.connector(client).connect(to: address, security: forged, domain: "example.com")
                guard case .refused(.notSecured(let failure)) = try await server.next() else {
                    Issue.record("the connection was taken")
                    return
                }
                #expect(failure.kind == .untrusted)
                _ = try await client.untilClosed()
            }
        }
    }

    /// RFC 6066 §3, RFC 5922 §7.8.
    @Test func aCertificateForEachDomain() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(
                server, world.server([[.dns("first.test")], [.dns("a.test"), .dns("b.test")], [.uri("sip:c.test")]]))
            let client = StreamRecorder()
            let connector = threads.connector(client)
            for (domain, names) in [
                ("first.test", ["first.test"]), ("b.test", ["a.test", "b.test"]), ("c.test", ["c.test"]),
                ("B.TEST", ["a.test", "b.test"]),
            ] {
                let connection = connector.connect(to: address, security: try world.client(), domain: domain)
                _ = try await client.nextOpened()
                #expect(connection.peerNames?.domains == names)
            }
            // Whoever asks for another is shown the first.
            _ = connector.connect(to: address, security: try world.client(), domain: "other.test")
            guard case .closed(.notSecured(let failure)) = try await client.next() else {
                Issue.record("the connection was made")
                return
            }
            #expect(failure.reason.contains("first.test"))
        }
    }

    /// New handshakes show the new certificate; what is open stays open and is served.
    @Test func certificatesAreReplacedUnderOpenConnections() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder(answer: StreamRecorder.echo)
            let client = StreamRecorder()
            let context = try world.server([[.dns("old.test")]])
            let address = try await threads.listen(server, context)
            let connector = threads.connector(client)
            let old = connector.connect(to: address, security: try world.client(), domain: "old.test")
            _ = try await client.nextOpened()
            for round in 0..<10 {
                try context.replace(
                    with: TLSConfiguration(identities: [world.authority.issue([.dns("new\(round).test")]).identity]))
            }
            let new = connector.connect(to: address, security: try world.client(), domain: "new9.test")
            _ = try await client.nextOpened()
            #expect(new.peerNames?.domains == ["new9.test"])
            old.send(Array("still here\n".utf8))
            #expect(try await client.lines(1) == ["still here"])
        }
    }

    @Test func aConfigurationThatDoesNotHoldIsNotTakenOver() throws {
        let world = try SecuredWorld()
        let (one, other) = (
            try world.authority.issue([.dns("a.test")]), try world.authority.issue([.dns("b.test")])
        )
        func reason(_ certificates: String, _ key: String) -> String {
            do throws(TLSConfigurationError) {
                _ = try TLSIdentity(certificates: Array(certificates.utf8), key: Array(key.utf8))
                return ""
            } catch {
                return error.reason
            }
        }
        #expect(reason(one.certificate, other.key).contains("is not the key of"))
        #expect(reason("", one.key).contains("no certificate"))
        #expect(reason(one.certificate, "nonsense").contains("no private key"))
        #expect(reason(one.certificate, one.certificate).contains("no private key"))
        do throws(TLSConfigurationError) {
            _ = try TLSIdentity(certificateFile: "/nonexistent/a.pem", keyFile: "/nonexistent/b.pem")
            Issue.record("there is no such file")
        } catch {
            #expect(error.reason == "/nonexistent/a.pem cannot be read: No such file or directory")
        }
    }

    @Test func onlyTheVersionsThatAreWanted() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(server, world.server(from: .tls13))
            for (version, isTaken) in [("-tls1_2", false), ("-tls1_3", true)] {
                let output = try await OpenSSLClient.run(["-connect", "\(address)", version])
                #expect(output.contains("BEGIN CERTIFICATE") == isTaken)
                if isTaken {
                    _ = try await server.nextOpened()
                } else {
                    guard case .refused(.notSecured(let failure)) = try await server.next() else {
                        Issue.record("the connection was taken")
                        return
                    }
                    #expect(failure.kind == .incompatible)
                }
            }
        }
    }

    /// A peer that connects and says nothing, or half of what it should, is cut off; others are served meanwhile.
    @Test func stalledHandshakesEnd() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.handshakeTime = .milliseconds(200)
            let server = StreamRecorder(answer: StreamRecorder.echo)
            let address = try await threads.listen(server, world.server(), configuration)
            let stalled = try (0..<20).map { index in
                let raw = try RawStream(to: address)
                // The head of a record of 512 bytes of a handshake.
                if index.isMultiple(of: 2) { raw.send("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}") }
                return raw
            }
            let client = StreamRecorder()
            let connection = threads.connector(client).connect(
                to: address, security: try world.client(), domain: "example.com")
            connection.send(Array("hello\n".utf8))
            #expect(try await client.lines(1) == ["hello"])
            var refused = 0
            while refused < 20 {
                guard case .refused(.notSecured(let failure)) = try await server.next() else { continue }
                #expect(failure.kind == .timeout)
                refused += 1
            }
            for raw in stalled { #expect(raw.rest() == "") }
            #expect(threads.statistics.handshakeErrors == 20)
        }
    }

    /// A server that takes the connection and says nothing.
    @Test func aStalledServerIsLeftInTime() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            var configuration = StreamConfiguration()
            configuration.connectTime = .milliseconds(100)
            let client = StreamRecorder()
            let address = try await threads.listen(StreamRecorder())
            _ = threads.connector(client, configuration).connect(
                to: address, security: try world.client(), domain: "example.com")
            guard case .closed(.notSecured(let failure)) = try await client.next() else {
                Issue.record("the connection was made")
                return
            }
            #expect(failure.kind == .timeout)
        }
    }

    /// Each of the two speaks what the other does not.
    @Test func whoDoesNotSpeakTLSIsToldApart() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder()
            let address = try await threads.listen(server, world.server())
            try RawStream(to: address).send("OPTIONS sip:example.com SIP/2.0\r\n\r\n")
            guard case .refused(.notSecured(let failure)) = try await server.next() else {
                Issue.record("the connection was taken")
                return
            }
            #expect(failure.kind == .incompatible)
            let plain = StreamRecorder { connection, event in
                if event == .opened { connection.send(Array("220 this is another protocol\r\n".utf8)) }
            }
            let client = StreamRecorder()
            _ = threads.connector(client).connect(
                to: try await threads.listen(plain), security: try world.client(), domain: "example.com")
            guard case .closed(.notSecured(let other)) = try await client.next() else {
                Issue.record("the connection was made")
                return
            }
            #expect(other.kind == .incompatible)
            #expect(other.reason.contains("does not speak TLS"))
        }
    }

    /// What comes before the farewell of TLS is answered, and what comes after it is not awaited.
    @Test func aPeerThatHasSaidFarewellIsStillAnswered() async throws {
        let world = try SecuredWorld()
        try await withStreams { threads async throws in
            let server = StreamRecorder { connection, event in
                guard event == .inputEnded else { return }
                connection.send(Array("answer\n".utf8))
                connection.close()
            }
            let client = StreamRecorder()
            let address = try await threads.listen(server, world.server())
            let connection = threads.connector(client).connect(
                to: address, security: try world.client(), domain: "example.com")
            connection.send(Array("question\n".utf8))
            connection.close()
            #expect(try await client.lines(1) == ["answer"])
            #expect(try await client.untilClosed().last == .closed(.local))
        }
    }
}
