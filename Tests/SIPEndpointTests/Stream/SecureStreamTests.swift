import Reactor
import SIP
import SIPEndpoint
import TestKit
import Testing

/// A SIP element with TLS that answers every request, and says what it has seen.
private final class Element: RequestHandler, ClientTransactionUser, @unchecked Sendable {
    // Proof of Sendable: used on its lane, but for the stream, which is Sendable.
    enum Event: Sendable, Equatable {
        /// A request: the transport and listener it came by, the top Via from its host on, and the domains of its sender.
        case request(TransportName, listener: UInt16, via: String, domains: [String])
        case response(UInt16)
        case failed(String)
    }

    let events: AsyncStream<Event>
    private let said: AsyncStream<Event>.Continuation
    private(set) var endpoint: SIPEndpoint!  // Set by `start`, before it is used.

    private init() { (events, said) = AsyncStream.makeStream() }

    static func start(
        _ security: TLSContext?, isAccepting: Bool = true, family: TransportAddress.Family = .ipv4,
        advertised: String? = nil
    ) async throws -> Element {
        let element = Element()
        var configuration = SIPEndpoint.Configuration()
        var listener = SIPEndpoint.ListenerConfiguration(.tls, .loopback(family), advertised: advertised)
        listener.isAccepting = isAccepting
        configuration.listeners = [.init(.udp, .loopback(family)), listener]
        configuration.security = security
        element.endpoint = try await SIPEndpoint(configuration) { _ in element }
        return element
    }

    var address: TransportAddress { endpoint.listeners[1].address }

    /// The next thing that happens.
    func next() async -> Event? { await events.first { _ in true } }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        let via = request.view.text(request.via.whole)
        said.yield(
            .request(
                request.flow.transport, listener: request.flow.listener,
                via: via.replacing(#/branch=[^;]+/#, with: "branch"),
                domains: layer.driver.provenDomains(of: request.flow.connection)))
        layer.respondStatelessly(to: request, 200)
    }

    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}

    func receive(_ response: IncomingResponse, for transaction: ClientTransaction, in layer: TransactionLayer) {
        said.yield(.response(response.view.statusCode.rawValue))
    }

    func failed(_ transaction: ClientTransaction, _ failure: TransactionFailure, in layer: TransactionLayer) {
        if case .transport(let reason) = failure { said.yield(.failed(reason)) } else { said.yield(.failed("timeout")) }
    }

    /// Asks a target for its capabilities, and returns what came of it.
    func ask(_ target: Target) async -> Event? {
        let lane = endpoint.lanes[0]
        await lane.lane.run { _ in
            let sent = lane.layer.send(.options, to: target, user: self) { writer, via, _ in
                writer.append("OPTIONS sip:\(target.address) SIP/2.0\r\n")
                writer.append(via)
                writer.append(
                    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: tls\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                )
            }
            if sent == nil { self.said.yield(.failed("no way")) }
        }
        return await next()
    }

    var connections: UInt64 { endpoint.streamStatistics?.counters.connected ?? 0 }
    var accepted: UInt64 { endpoint.streamStatistics?.counters.accepted ?? 0 }
    func stop() async { await endpoint.stop() }
}

@Suite(.timeLimit(.minutes(5))) struct SecureStreamTests {
    private let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority() }

    private func security(
        _ names: [CertificateAuthority.Name], _ clients: TLSConfiguration.ClientVerification = .optional
    ) throws -> TLSContext {
        var configuration = TLSConfiguration(
            identities: names.isEmpty ? [] : [try authority.issue(names).identity])
        configuration.trust = .authorities(try authority.authorities)
        configuration.clientVerification = clients
        return try TLSContext(configuration)
    }

    @Test(arguments: [TransportAddress.Family.ipv4, .ipv6])
    func requestsGoAndAreAnswered(family: TransportAddress.Family) async throws {
        let server = try await Element.start(try security([.dns("b.test")]), family: family)
        let client = try await Element.start(try security([.dns("a.test")]), family: family)
        for _ in 0..<2 {
            #expect(await client.ask(Target(.tls, server.address, domain: "b.test")) == .response(200))
            // Via names TLS, and offers the connection for requests the other way (RFC 5923 §8.1).
            #expect(
                await server.next()
                    == .request(
                        .tls, listener: 1, via: "SIP/2.0/TLS \(client.address);rport;branch;alias", domains: ["a.test"])
            )
        }
        #expect(client.connections == 1)
        await client.stop()
        await server.stop()
    }

    /// An address stands for itself where the URI names no domain.
    @Test func aTargetWithoutADomainProvesItsAddress() async throws {
        let server = try await Element.start(try security([.address("127.0.0.1")]))
        let client = try await Element.start(try security([.dns("a.test")]))
        #expect(await client.ask(Target(.tls, server.address)) == .response(200))
        await client.stop()
        await server.stop()
    }

    /// RFC 5923 §8.2: requests to whoever has proven to be the target go by the connection that it has opened.
    @Test func anOfferedConnectionIsUsed() async throws {
        let server = try await Element.start(try security([.dns("b.test")]))
        let client = try await Element.start(try security([.dns("a.test")]))
        #expect(await client.ask(Target(.tls, server.address, domain: "b.test")) == .response(200))
        _ = await server.next()
        #expect(await server.ask(Target(.tls, client.address, domain: "A.test")) == .response(200))
        guard case .request(.tls, listener: 1, _, let domains) = await client.next() else {
            Issue.record("no request has come")
            return
        }
        #expect(domains == ["b.test"])
        #expect(server.connections == 0)
        // For another domain at that address it is not: that domain was not proven (§9.3), nor is it here.
        guard case .failed(let reason) = await server.ask(Target(.tls, client.address, domain: "c.test")) else {
            Issue.record("another domain was taken for proven")
            return
        }
        #expect(reason.contains("a.test"))
        await client.stop()
        await server.stop()
    }

    /// Without mutual TLS nothing is offered, and nothing of it is believed (RFC 5923 §9.2).
    @Test func anUnprovenOfferIsNotUsed() async throws {
        let server = try await Element.start(try security([.dns("b.test")], .none))
        let client = try await Element.start(try security([.dns("a.test")]))
        #expect(await client.ask(Target(.tls, server.address, domain: "b.test")) == .response(200))
        _ = await server.next()
        #expect(await server.ask(Target(.tls, client.address, domain: "a.test")) == .response(200))
        #expect(server.connections == 1)
        await client.stop()
        await server.stop()
    }

    /// Two domains at one address have a connection each (RFC 5923 §9.3).
    @Test func eachDomainHasItsConnection() async throws {
        let server = try await Element.start(try security([.dns("b.test"), .dns("c.test")]))
        let client = try await Element.start(try security([.dns("a.test")]))
        for domain in ["b.test", "c.test", "b.test", "C.test"] {
            #expect(await client.ask(Target(.tls, server.address, domain: domain)) == .response(200))
        }
        #expect(client.connections == 2)
        await client.stop()
        await server.stop()
    }

    /// A phone has no certificate, and nobody can connect to it: it offers nothing, and is reached by its own connection.
    @Test func whoDoesNotAcceptOffersNothing() async throws {
        let server = try await Element.start(try security([.dns("b.test")]))
        let phone = try await Element.start(try security([]), isAccepting: false)
        #expect(phone.address.port == phone.endpoint.listeners[0].address.port)
        #expect(await phone.ask(Target(.tls, server.address, domain: "b.test")) == .response(200))
        #expect(
            await server.next()
                == .request(.tls, listener: 1, via: "SIP/2.0/TLS \(phone.address);rport;branch", domains: []))
        guard case .failed = await server.ask(Target(.tls, phone.address, domain: "phone.test")) else {
            Issue.record("somebody listens where nobody should")
            return
        }
        await phone.stop()
        await server.stop()
    }

    @Test func aWrongNameFailsTheTransactionWithTheReason() async throws {
        let server = try await Element.start(try security([.dns("b.test")]))
        let client = try await Element.start(try security([]), isAccepting: false)
        guard case .failed(let reason) = await client.ask(Target(.tls, server.address, domain: "c.test")) else {
            Issue.record("the request was answered")
            return
        }
        #expect(reason == "not secured: the certificate is for b.test, and not for c.test")
        // The next attempt begins anew.
        #expect(await client.ask(Target(.tls, server.address, domain: "b.test")) == .response(200))
        await client.stop()
        await server.stop()
    }

    @Test func withoutACertificateNobodyListens() async throws {
        await #expect(throws: SocketError.self) { _ = try await Element.start(nil) }
        let alone = try security([])
        await #expect(throws: SocketError.self) { _ = try await Element.start(alone) }
    }

    /// To a WebSocket client leads its own connection and no other.
    @Test func nobodyConnectsToABrowser() async throws {
        let element = try await Element.start(try security([]), isAccepting: false)
        #expect(await element.ask(Target(.wss, .loopback(port: 9))) == .failed("no way"))
        await element.stop()
    }
}
