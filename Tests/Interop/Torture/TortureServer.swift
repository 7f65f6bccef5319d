import Foundation
import Logging
import Routing
import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import Server

/// A server that is proxy and registrar of the domain that a message asks for, with a phone of the user who is called.
enum TortureServer {
    static func treat(_ bytes: [UInt8], as torture: WireCase, over transport: Wire.Transport) async throws {
        let folder = try TemporaryFolder("torture")
        let called = try Message(bytes).withView { view -> URI? in try? URI(view, view.startLine.uriRange) }
        let host = called.flatMap { uri -> String? in uri.index.isSIP ? Self.host(of: uri) : nil }
        let domain = torture.domain ?? host ?? "example.com"
        let alias = torture.domain == nil ? nil : host
        // A numeric address with a port is the server's if that port is.
        let asked = host?.hasPrefix("[") == true ? called?.port.map { (host ?? "", $0) } : nil
        let server = try await start(torture, domain, alias, asked, in: folder)
        do {
            let outcome = torture.serverOutcome(over: transport)
            let listener = try #require(server.listeners.first { ($0.transport == .tcp) == (transport == .tcp) })
            let udp = "\(server.listeners[0].address)"
            let wire = try TortureWire(bytes, transport, to: "\(listener.address)")
            let callee = try Wire(.udp, to: udp)
            if outcome == .delivered || outcome == .waitsForBody {
                try await register(callee, called, domain)
            }
            wire.send()
            try await outcome.check(wire, probing: "sip:\(domain)") {
                try await deliver(bytes, wire, callee)
            }
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    /// One lane, so that what was sent before a probe is answered before it.
    private static func start(
        _ torture: WireCase, _ domain: String, _ alias: String?, _ asked: (host: String, port: UInt16)?,
        in folder: TemporaryFolder
    ) async throws -> SIPServer {
        var configuration = ServerConfiguration()
        var own: ServerConfiguration.Listener.Advertised?
        if let name = torture.serverName?.split(separator: ":") {
            own = .init(host: String(name[0]), port: UInt16(name[1]))
        } else if let asked {
            own = .init(host: asked.host, port: asked.port)
        }
        configuration.listeners = [
            .init(transport: .udp, address: "127.0.0.1", port: 0, advertised: own),
            .init(transport: .tcp, address: "127.0.0.1", port: 0, advertised: own),
        ]
        configuration.dataFolder = folder.file("data")
        configuration.lanes.count = 1
        configuration.domains = [.init(name: domain, aliases: alias.map { [$0] } ?? [])]
        // Bodies are compared: those of callers in other networks must not be anchored.
        configuration.domains[0].media = .direct
        configuration.authentication.isRequired = torture.authenticates
        let server = try await SIPServer.start(
            configuration, logger: Logger(label: "torture") { _ in SwiftLogNoOpLogHandler() })
        await server.bindingsLoaded()
        return server
    }

    private static func host(of uri: URI) -> String {
        uri.bytes.withUnsafeBytes { all in
            String(decoding: all[Int(uri.index.host.lowerBound)..<Int(uri.index.host.upperBound)], as: UTF8.self)
        }
    }

    /// Binds the phone to the user whom the message calls.
    private static func register(_ callee: Wire, _ called: URI?, _ domain: String) async throws {
        let uri = try #require(called)
        let user = String(
            decoding: uri.bytes[Int(uri.index.user.lowerBound)..<Int(uri.index.user.upperBound)], as: UTF8.self)
        let of = "sip:\(user)@\(domain)"
        let answer = try await callee.ask(callee.request("REGISTER", "sip:\(domain)", from: of, to: of))
        #expect(answer.status == 200, "\(answer.text)")
    }

    /// The phone gets the request whole and answers it, and the answer comes back.
    private static func deliver(_ bytes: [UInt8], _ wire: TortureWire, _ callee: Wire) async throws {
        guard case .bytes(let forwarded) = await callee.receive() else {
            Issue.record("the request has not come: \(try await wire.final())")
            return
        }
        let message = try Message(forwarded)
        compare(try Message(bytes), message)
        var writer = ByteWriter()
        message.withView { view in
            view.beginResponse(.init(200, toTag: 7, copiesRecordRoute: true), into: &writer)
            writer.append("Contact: <sip:phone@\(callee.hostPort)>\r\n")
            MessageView.endResponse(into: &writer)
        }
        callee.send(writer.array)
        #expect(try await wire.final().statusCode == 200)
    }

    /// A proxy changes what it owns, and nothing else (RFC 3261 §16.6).
    private static func compare(_ sent: Message, _ forwarded: Message) {
        #expect(forwarded.method == sent.method)
        // What was sent may have come in two parts.
        #expect(forwarded.body.starts(with: sent.body))
        let (before, after) = (fields(sent), fields(forwarded))
        #expect(after == before)
        #expect(forwarded.values(of: .via).count == sent.values(of: .via).count + 1)
    }

    /// The fields that are no proxy's business, byte for byte.
    private static func fields(_ message: Message) -> [String] {
        let own: Set<HeaderName> = [.via, .route, .recordRoute, .maxForwards, .maxBreadth, .contentLength]
        return message.withView { view in
            (0..<view.fieldCount).filter { !own.contains(view.field($0).name) }.map { view.text(view.fieldRange($0)) }
        }
    }
}
