import Proxy
import Reactor
import Registrar
import Routing
import SIP
import SIPEndpoint
import TestKit
import UserAgent

@testable import Server

/// The roles of `ito serve` on a simulated host: what takes each request there is what takes it in the program.
final class SimulatedServer {
    /// MD5 and SHA-256.
    static let hash = DigestHash.crypto
    let node: SimulatedNode
    let table: BindingTable
    private let dispatcher: Dispatcher

    /// - Parameters:
    ///   - users: user names with their passwords, by the index of the domain.
    ///   - change: what is configured otherwise than usual.
    init(
        _ node: SimulatedNode, _ domains: [ServerConfiguration.Domain], users: [Int: [String: String]] = [:],
        media: any MediaProvider, _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) {
        self.node = node
        var configuration = ServerConfiguration()
        configuration.domains = domains
        configuration.listeners = []
        configuration.authentication.isRequired = !users.isEmpty
        change(&configuration)
        let directory = UserDirectory(admitsAnyone: users.isEmpty)
        let names = configuration.domainTable
        for (domain, accounts) in users {
            for (user, password) in accounts {
                let secret = Array("\(user):\(names.domains[domain].realm):\(password)".utf8)
                let secrets = DigestHash.crypto.hexadecimal(of: secret, .md5).map { [DigestAlgorithmName.md5: $0] }
                directory.set(user, domain: domain, .init(secrets: secrets ?? [:]))
            }
        }
        table = BindingTable(domains: names, directory: directory)
        dispatcher = Dispatcher(
            domains: names, location: table,
            settings: configuration.laneSettings(domains: names, directory: directory),
            proxy: Proxy(configuration: configuration.proxyConfiguration(routeKey: SipHash(key: 1, 2))),
            registrar: Registrar(table: table, configuration: configuration.registrarConfiguration),
            services: ServiceAgent(configuration.serviceConfiguration, lines: ServiceAgent.Lines(), media: media),
            duties: LaneDuties(table: table, lane: 0, of: 1, configuration: configuration))
        _ = node.start(dispatcher)
    }
}
