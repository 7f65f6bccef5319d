import Configuration
import Foundation
import Testing

@testable import Server

@Suite struct ConfigurationSchemaTests {
    @Test func everyKeyIsDescribed() {
        let keys = ConfigurationReference.keys
        #expect(Set(keys.map(\.name)).count == keys.count)
        for key in keys {
            #expect(!key.kind.isEmpty && !key.defaultText.isEmpty, "\(key.name)")
            #expect(key.documentation.hasSuffix("."), "\(key.name)")
            #expect(key.source.isEmpty || key.source.hasPrefix("RFC "), "\(key.name)")
            #expect(key.name.utf8.allSatisfy { byte in "abcdefghijklmnopqrstuvwxyz0123456789-.[]".utf8.contains(byte) })
        }
    }

    /// Each key must lead to its own property: writing what was read changes nothing, and each default is in range.
    @Test func defaultsAreWithinTheirRanges() throws {
        let defaults = ServerConfiguration()
        for setting in ConfigurationSchema.settings {
            var copy = defaults
            try setting.write(&copy, setting.read(defaults))
            #expect(copy == defaults, "\(setting.key.name)")
        }
        #expect(try ConfigurationLoader.load(yaml: "").configuration == defaults)
        #expect(try ConfigurationLoader.load(yaml: "").notes.isEmpty)
    }

    /// The defaults that the documents and the RFCs promise.
    @Test func defaults() {
        let defaults = ServerConfiguration()
        #expect(defaults.listeners.map(\.description) == ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"])
        #expect(defaults.domains == [ServerConfiguration.Domain(name: "localhost", aliases: ["127.0.0.1"])])
        #expect(defaults.domains[0].realm == "localhost")
        // RFC 3261 table 4.
        let timers = defaults.timers
        #expect((timers.t1, timers.t2, timers.t4) == (.milliseconds(500), .seconds(4), .seconds(5)))
        #expect([timers.timerB, timers.timerF, timers.timerH, timers.timerJ].allSatisfy { $0 == .seconds(32) })
        #expect((timers.timerD, timers.timerI, timers.timerK) == (.seconds(32), .seconds(5), .seconds(5)))
        #expect(timers.c > .seconds(180))
        // RFC 6026 §7.1 and §7.2.
        #expect((timers.timerL, timers.timerM) == (.seconds(32), .seconds(32)))
        // RFC 3261 §18.1.1 and §16.6 step 3, RFC 5393 §5.3.3.
        #expect(
            (defaults.limits.udpMessageSize, defaults.limits.maxForwards, defaults.limits.maxBreadth) == (1_300, 70, 60)
        )
        #expect(defaults.services.echoDelay == .milliseconds(600))
        #expect(defaults.authentication.isRequired)
        #expect(defaults.authentication.algorithms == [.md5])
    }

    /// What sets the folder of the data, from the strongest to the weakest.
    @Test func theDataFolder() throws {
        let variable = ["ITO_DATA": "/of/variable"]
        func folder(_ yaml: String, _ environment: [String: String] = [:], _ flag: String? = nil) throws -> String {
            try ConfigurationLoader.load(
                yaml: yaml, environment: environment,
                flags: flag.map { [ConfigurationFlag("--data", "data-folder", [$0])] } ?? []
            ).configuration.dataFolder
        }
        #expect(try folder("data-folder: /of/file", variable, "/of/flag") == "/of/flag")
        #expect(try folder("data-folder: /of/file", variable) == "/of/file")
        #expect(try folder("data-folder: data", variable) == "data")
        #expect(try folder("", variable) == "/of/variable")
        #expect(try folder("", ["ITO_DATA": ""]).hasSuffix("/.local/share/itodenwa"))
        #expect(ServerConfiguration().dataFolder.hasPrefix("/"))
    }

    @Test func timersFollowFromT1UnlessSet() throws {
        let fast = try ConfigurationLoader.load(yaml: "timers: {t1: 10ms, t4: 50ms, b: 2s, f: auto}").configuration
            .timers
        #expect((fast.timerB, fast.timerF, fast.timerH) == (.seconds(2), .milliseconds(640), .milliseconds(640)))
        #expect((fast.timerD, fast.timerI) == (.seconds(32), .milliseconds(50)))
        let slow = try ConfigurationLoader.load(yaml: "timers: {t1: 1s}").configuration.timers
        #expect((slow.timerD, slow.timerL, slow.timerM) == (.seconds(64), .seconds(64), .seconds(64)))
    }

    /// The names of variables must be those under which swift-configuration looks for the keys.
    @Test func variablesAreFoundByTheLibrary() {
        for setting in ConfigurationSchema.settings {
            guard let name = setting.key.environmentVariable else { continue }
            let reader = ConfigReader(
                provider: EnvironmentVariablesProvider(environmentVariables: [name: "x"]).prefixKeys(with: "ito"))
            #expect(reader.string(forKey: ConfigKey(setting.key.name)) == "x", "\(name)")
        }
        #expect(
            ConfigurationSchema.settingsByName["limits.udp-message-size"]?.key.environmentVariable
                == "ITO_LIMITS_UDP_MESSAGE_SIZE")
        #expect(ConfigurationSchema.domains.fields[0].key.environmentVariable == nil)
    }

    @Test func theReferenceIsCurrent() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../..")
        let document = try String(contentsOf: repository.appending(path: "docs/configuration.md"), encoding: .utf8)
        #expect(
            document == ConfigurationReference.markdown,
            "docs/configuration.md is out of date: ito config reference > docs/configuration.md")
    }
}
