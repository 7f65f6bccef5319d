import Foundation
import Testing

@testable import Server

@Suite struct ConfigurationLoaderTests {
    private let sample = """
        # An office.
        domains:
          - example.com
          - name: Example.NET
            realm: office
            aliases: [192.0.2.7, "[2001:DB8::7]"]
            open: no
        listeners:
          - udp://0.0.0.0:5060
          - url: tcp://10.0.0.5:5062
            advertise: 203.0.113.7:5080
        data-folder: /var/lib/itodenwa
        lanes: {count: 2}
        timers:
          t1: 250 ms
          b: 10s
        tcp:
          unread-bytes: 1MiB
        registrar:
        authentication:
          algorithms: [md5]
          qop: auth-or-none
        proxy:
          trusted-networks: [10.0.0.0/8]
          relay: nobody
        services: {echo: off}
        media: {ports: 20000-20099}
        logging: {level: debug, format: json}
        """

    @Test func readsAFile() throws {
        let loaded = try ConfigurationLoader.load(yaml: sample)
        let configuration = loaded.configuration
        #expect(loaded.notes.isEmpty)
        #expect(
            configuration.domains == [
                ServerConfiguration.Domain(name: "example.com"),
                ServerConfiguration.Domain(
                    name: "example.net", realm: "office", aliases: ["192.0.2.7", "[2001:db8::7]"], isOpen: false),
            ])
        #expect(
            configuration.listeners.map(\.description) == [
                "udp://0.0.0.0:5060", "tcp://10.0.0.5:5062?advertise=203.0.113.7:5080",
            ])
        #expect(configuration.dataFolder == "/var/lib/itodenwa")
        #expect(configuration.lanes.count == 2)
        #expect((configuration.timers.t1, configuration.timers.timerB) == (.milliseconds(250), .seconds(10)))
        #expect(configuration.tcp.unreadBytes == 1 << 20)
        #expect(configuration.authentication.algorithms == [.md5])
        #expect(configuration.authentication.qualityOfProtection == .authOrNone)
        #expect(configuration.proxy.trustedNetworks.map(\.description) == ["10.0.0.0/8"])
        #expect(configuration.proxy.relay == .nobody)
        #expect((configuration.services.echoUser, configuration.services.toneUser) == ("", "tone"))
        #expect(configuration.media.ports == 20_000...20_099)
        #expect((configuration.logging.level, configuration.logging.format) == (.debug, .json))
        #expect(configuration.registrar == ServerConfiguration().registrar)
    }

    @Test func flagsGoBeforeTheEnvironmentAndThatBeforeTheFile() throws {
        let loaded = try ConfigurationLoader.load(
            yaml: sample,
            environment: [
                "ITO_LANES_COUNT": "3", "ITO_TIMERS_T1": "100ms", "ITO_DOMAINS": "example.net, example.org",
                "ITO_AUTHENTICATION_ALGORITHMS": "SHA-256,MD5", "ITO_PASSWORD": "secret", "HOME": "/root",
            ],
            flags: [
                ConfigurationFlag("--lanes", "lanes.count", ["4"]),
                ConfigurationFlag("--listen", "listeners", ["udp://127.0.0.1:0", "tcp://10.0.0.5:5062"]),
            ])
        #expect(loaded.configuration.lanes.count == 4)
        #expect(loaded.configuration.timers.t1 == .milliseconds(100))
        #expect(loaded.configuration.timers.timerB == .seconds(10))
        #expect(loaded.configuration.authentication.algorithms == [.sha256, .md5])
        // What the file says of a domain or listener that is named elsewhere holds.
        #expect(loaded.configuration.domains.map(\.name) == ["example.net", "example.org"])
        #expect(loaded.configuration.domains.map(\.realm) == ["office", "example.org"])
        #expect(
            loaded.configuration.listeners.map(\.description) == [
                "udp://127.0.0.1:0", "tcp://10.0.0.5:5062?advertise=203.0.113.7:5080",
            ])
        #expect(loaded.notes.isEmpty)
    }

    @Test func withoutDomainsUsersAreAddressedByTheListeners() throws {
        let loaded = try ConfigurationLoader.load(
            yaml: "",
            flags: [
                ConfigurationFlag(
                    "--listen", "listeners",
                    ["udp://192.0.2.5:5060", "tcp://[::1]:5060", "udp://0.0.0.0:5070?advertise=sip.example.com"])
            ])
        #expect(
            loaded.configuration.domains == [
                ServerConfiguration.Domain(
                    name: "localhost", aliases: ["127.0.0.1", "192.0.2.5", "[::1]", "sip.example.com"])
            ])
        let wildcard = try ConfigurationLoader.load(yaml: "listeners: udp://0.0.0.0:5060")
        #expect(wildcard.notes.map(\.key) == ["listeners"])
        #expect(wildcard.notes[0].description.contains("--domain"))
    }

    @Test func anEmptyOrNullFileIsTheDefaults() throws {
        for text in ["", "# nothing\n", "---\n", "~", "timers:\nlogging: {}"] {
            #expect(try ConfigurationLoader.load(yaml: text).configuration == ServerConfiguration(), "\(text)")
        }
    }

    @Test func aliasesOfYAMLAreWrittenOut() throws {
        let loaded = try ConfigurationLoader.load(yaml: "timers:\n  t1: &x 1s\n  t2: *x")
        #expect(loaded.configuration.timers.t2 == .seconds(1))
    }

    @Test func mistypedVariablesAreNoted() throws {
        let loaded = try ConfigurationLoader.load(
            yaml: "", environment: ["ITO_TIMERS_T_1": "1s", "ITO_SOMETHING_ELSE": "x", "ITOWN": "y"])
        #expect(loaded.configuration == ServerConfiguration())
        #expect(
            loaded.notes.map(\.description) == [
                "ITO_SOMETHING_ELSE: is no key of the configuration and is ignored",
                "ITO_TIMERS_T_1: is no key of the configuration and is ignored; did you mean ITO_TIMERS_T1?",
            ])
    }

    @Test func filesAreReadFromDisk() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "ito-\(UUID().uuidString).yaml").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("timers: {t1: 1s}".utf8).write(to: URL(filePath: path))
        #expect(try ConfigurationLoader.load(file: path, environment: [:]).configuration.timers.t1 == .seconds(1))
        #expect(try ConfigurationLoader.check(file: path).get().configuration.timers.t1 == .seconds(1))
        #expect(try ConfigurationLoader.load(file: nil, environment: [:]).configuration == ServerConfiguration())

        func problem() throws -> String {
            let problems = try #require(throws: ConfigurationProblems.self) {
                try ConfigurationLoader.check(file: path).get()
            }
            return problems.description
        }
        try Data([0xFF, 0xFE, 0x00]).write(to: URL(filePath: path))
        #expect(try problem() == "\(path): is not a text in UTF-8; save it as UTF-8")
        try Data(repeating: 0x20, count: ConfigurationLoader.maximumFileSize + 1).write(to: URL(filePath: path))
        #expect(try problem().contains("larger than 1 MiB"))
        try Data(repeating: 0x20, count: ConfigurationLoader.maximumFileSize).write(to: URL(filePath: path))
        #expect(try ConfigurationLoader.check(file: path).get().configuration == ServerConfiguration())
        try FileManager.default.removeItem(atPath: path)
        #expect(
            try problem().hasPrefix("\(path): cannot be read: No such file or directory; name the file with --config"))
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(try problem().contains("name a file, not a folder"))
    }

    @Test(arguments: [("~/calls", "HOME/calls"), ("data", "data"), ("/var/~/x", "/var/~/x"), ("~user/x", "~user/x")])
    func theHomeFolderHasASign(text: String, folder: String) throws {
        let home = try #require(ProcessInfo.processInfo.environment["HOME"])
        let configuration = try ConfigurationLoader.load(yaml: "data-folder: \(text)").configuration
        #expect(configuration.dataFolder == folder.replacing("HOME", with: home))
    }
}
