import Testing

@testable import Server

@Suite struct ConfigurationProblemTests {
    private func problems(
        _ yaml: String, environment: [String: String] = [:], flags: [ConfigurationFlag] = []
    ) -> [String] {
        do throws(ConfigurationProblems) {
            _ = try ConfigurationLoader.load(yaml: yaml, environment: environment, flags: flags)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    /// A text with one problem, and all of its line.
    @Test(arguments: [
        ("timrs:\n  t1: 1s", "ito.yaml:1: timrs: there is no such key; did you mean timers?"),
        ("timers:\n\n  t3: 1s", "ito.yaml:3: timers.t3: there is no such key; did you mean timers.t1?"),
        ("colour: red", "ito.yaml:1: colour: there is no such key; ito config reference lists them all"),
        (
            "timers:\n  t1: soon",
            "ito.yaml:2: timers.t1: expected a duration, 1ms to 10s, found `soon`; write for example 500ms"
        ),
        (
            "timers: {t1: 11s}",
            "ito.yaml:1: timers.t1: expected a duration, 1ms to 10s, found `11s`; write for example 500ms"
        ),
        (
            "timers: {t1: 500}",
            "ito.yaml:1: timers.t1: expected a duration, 1ms to 10s, found `500`; write for example 500ms"
        ),
        (
            "timers: {b: 0s}",
            "ito.yaml:1: timers.b: expected a duration, auto or 1ms to 1h, found `0s`; write for example 32s"
        ),
        ("lanes: {count: -1}", "ito.yaml:1: lanes.count: expected a number, 0 to 256, found `-1`; write for example 0"),
        (
            "lanes: {count: [1]}",
            "ito.yaml:1: lanes.count: expected a number, 0 to 256, found a list; write for example 0, or leave the key out"
        ),
        (
            "lanes:\n  count:",
            "ito.yaml:2: lanes.count: expected a number, 0 to 256, found no value; write for example 0, or leave the key out"
        ),
        (
            "lanes: 2",
            "ito.yaml:1: lanes: expected the keys of a section, found `2`; write for example `count: 0` below it"
        ),
        (
            "limits: {message-size: 1GiB}",
            "ito.yaml:1: limits.message-size: expected a size, 1KiB to 16MiB, found `1GiB`; write for example 64KiB"
        ),
        (
            "authentication: {required: maybe}",
            "ito.yaml:1: authentication.required: expected a switch, yes or no, found `maybe`; write for example yes"
        ),
        (
            "proxy: {relay: all}",
            "ito.yaml:1: proxy.relay: expected a word, users or nobody, found `all`; write for example users"
        ),
        (
            "authentication:\n  algorithms: []",
            "ito.yaml:2: authentication.algorithms: the list is empty; write for example [MD5]"
        ),
        (
            "authentication: {algorithms: [MD5, md5]}",
            "ito.yaml:1: authentication.algorithms: `md5` stands in the list twice; write for example [md5]"
        ),
        (
            "media: {ports: 20001-20100}",
            """
            ito.yaml:1: media.ports: expected a range of ports, from an even port of at least 1024, found `20001-20100`; \
            write for example 16384-32767
            """
        ),
        ("domains: []", "ito.yaml:1: domains: the list is empty; name at least one, or leave the key out"),
        (
            "domains:\n  - a b",
            """
            ito.yaml:2: domains[].name: expected a domain, a host name, an IPv4 address, or an IPv6 address in brackets, found \
            `a b`; write for example example.com
            """
        ),
        (
            "domains:\n  - name: a.example\n    relm: x",
            "ito.yaml:3: domains[].relm: there is no such key; did you mean realm?"
        ),
        (
            "domains:\n  - realm: x",
            "ito.yaml:2: domains: an element has no `name`; write for example `- name: example.com`"
        ),
        (
            "domains: [a.example, a.example]",
            "ito.yaml:1: domains: `a.example` stands in the list twice; keep one of them"
        ),
        (
            "listeners:\n  - udp://127.0.0.1:5060\n  - http://127.0.0.1:8080",
            "ito.yaml:3: listeners[].url: this version does not serve `http://`; write for example tcp://127.0.0.1:5060"
        ),
        (
            "timers:\n  t1: 1s\n  t2: 4s\n  t1: 2s",
            "ito.yaml:4: timers.t1: is given again, first on line 2; keep one of them"
        ),
        ("{lanes: {}, \"lanes\": {}}", "ito.yaml:1: lanes: is given again, first on line 1; keep one of them"),
        (
            "domains:\n  - name: a.example\n    name: b.example",
            "ito.yaml:3: domains.name: is given again, first on line 2; keep one of them"
        ),
        ("- a\n- b", "ito.yaml:1: expected keys and values, found a list; write for example `lanes: {count: 2}`"),
        ("[a]: 1", "ito.yaml:1: a key must be a single word; write KEY: VALUE"),
    ])
    func saysWhatAndWhereAndWhatToDo(yaml: String, expected: String) {
        #expect(problems(yaml) == [expected])
    }

    @Test(arguments: [
        ("timers:\n  t1: 1s\n t2: 4s", 3), ("a: [1, 2", 2), ("a: *b", 1), ("a: 1\n---\nb: 2", 2), ("a: \"x", 1),
    ])
    func whatIsNotYAMLHasALine(yaml: String, line: Int) {
        let problems = problems(yaml)
        #expect(problems.count == 1)
        #expect(problems[0].hasPrefix("ito.yaml:\(line): this is not YAML: "), "\(problems)")
    }

    @Test func allProblemsAreToldAtOnceInTheOrderOfTheFile() {
        let yaml = """
            timers:
              t1: soon
              t3: 1s
              t2: 4s
              t2: 5s
              t2: 6s
            domains: [a b, example.com]
            loging: {level: debug}
            lanes:
              count: 1
              count: 500
            registrar: {default-expires: 10s, minimum-expires: 1min}
            """
        let problems = problems(
            yaml,
            environment: ["ITO_MEDIA_DSCP": "64", "ITO_DOMAINS": "", "ITO_LISTENERS": "udp://x, tcp://127.0.0.1"],
            flags: [ConfigurationFlag("--lanes", "lanes.count", ["many"]), ConfigurationFlag("--nope", "nope", ["1"])])
        #expect(
            problems.map { String($0.prefix { $0 != "," && $0 != ";" }) } == [
                "ito.yaml:2: timers.t1: expected a duration", "ito.yaml:3: timers.t3: there is no such key",
                "ito.yaml:6: timers.t2: is given again",
                "ito.yaml:7: domains[].name: expected a domain", "ito.yaml:8: loging: there is no such key",
                "ito.yaml:11: lanes.count: is given again", "ito.yaml:11: lanes.count: expected a number",
                "ITO_DOMAINS: domains: the list is empty",
                "ITO_LISTENERS: listeners: `x` is no IP address of this machine",
                "ITO_MEDIA_DSCP: media.dscp: expected a number",
                "--lanes: lanes.count: expected a number", "--nope: nope: there is no such key",
                "ito.yaml:12: registrar.default-expires: is shorter than registrar.minimum-expires",
            ])
    }

    /// Rules between keys: the text, and where and about what the problem is.
    @Test(arguments: [
        ("timers: {t1: 5s}", "ito.yaml:1: timers.t2: is shorter than timers.t1, 5s"),
        (
            "registrar:\n  maximum-expires: 30min",
            "ito.yaml:2: registrar.maximum-expires: is shorter than registrar.default"
        ),
        (
            "registrar: {default-expires: 30s, maximum-expires: 30s}",
            "ito.yaml:1: registrar.default-expires: is shorter than registrar.minimum-expires"
        ),
        ("limits: {message-size: 1KiB, line-length: 256B}", "ito.yaml:1: limits.udp-message-size: is more than"),
        ("limits: {line-length: 4KiB, message-size: 2KiB}", "ito.yaml:1: limits.line-length: is more than"),
        (
            "authentication: {required: no}\nlisteners: [udp://127.0.0.1, udp://10.0.0.1]",
            "ito.yaml:1: authentication.required: anyone could call through udp://10.0.0.1:5060 without"
        ),
        ("domains: [{name: a.b, aliases: [c.d]}, c.d]", "ito.yaml:1: domains: c.d belongs to a.b and c.d"),
        ("domains: [{name: a.b, aliases: [A.B]}]", "ito.yaml:1: domains: a.b is named twice in a.b"),
        (
            "domains: [{name: a.b, media: direct, media-encryption: sdes}]",
            "ito.yaml:1: domains: the media of a.b cannot be encrypted by a server that does not relay it"
        ),
        (
            "domains: [{name: a.b, mode: stateless, media-encryption: dtls}]",
            "ito.yaml:1: domains: the media of a.b cannot be encrypted by a server that does not relay it"
        ),
        ("services: {tone: echo}", "ito.yaml:1: services.tone: is the same user name as services.echo"),
    ])
    func rulesBetweenKeysAreKept(yaml: String, expected: String) {
        let problems = problems(yaml)
        #expect(!problems.isEmpty)
        #expect(problems.contains { $0.hasPrefix(expected) }, "\(problems)")
    }

    @Test(arguments: ["listeners: [\"udp://127.0.0.1\", \"udp://localhost:5060\"]", ""])
    func listenersAreToldApart(yaml: String) {
        let flag = ConfigurationFlag("--listen", "listeners", ["udp://127.0.0.1:5060", "udp://127.0.0.1"])
        let problems = problems(yaml, flags: yaml.isEmpty ? [flag] : [])
        let place =
            yaml.isEmpty ? "--listen: listeners: udp://127.0.0.1:5060 is named twice" : "ito.yaml:1: listeners: `udp"
        #expect(problems.count == 1)
        #expect(problems[0].hasPrefix(place))
    }

    @Test func authenticationMayBeOffOnLoopback() throws {
        let flags = [ConfigurationFlag("--no-auth", "authentication.required", ["no"])]
        let open = ConfigurationFlag("--listen", "listeners", ["udp://127.0.0.1:0", "tcp://[::1]:0"])
        #expect(try !ConfigurationLoader.load(yaml: "", flags: flags + [open]).configuration.authentication.isRequired)
        let wide = ConfigurationFlag("--listen", "listeners", ["udp://0.0.0.0:5060"])
        let refused = problems("", flags: flags + [wide])
        #expect(refused.count == 1)
        #expect(refused[0].hasPrefix("--no-auth: authentication.required: anyone could call"))
    }

    @Test func notesAreNoProblems() throws {
        let loaded = try ConfigurationLoader.load(
            yaml: """
                timers: {c: 10s}
                tcp: {idle-timeout: 5s}
                domains: [{name: a.example, realm: x}, {name: b.example, realm: x}]
                """)
        #expect(loaded.notes.map(\.key) == ["timers.c", "tcp.idle-timeout", "domains"])
        #expect(loaded.notes.map { "\($0.place)" } == ["ito.yaml:1", "ito.yaml:2", "ito.yaml:3"])
        #expect(loaded.notes.allSatisfy { !$0.remedy.isEmpty })
    }

    @Test func aShortTextThatStandsForBillionsIsRefused() {
        var yaml = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        for (name, previous) in zip("bcdefghij", "abcdefghi") {
            yaml += "\(name): &\(name) [\(Array(repeating: "*\(previous)", count: 10).joined(separator: ", "))]\n"
        }
        let problems = problems(yaml)
        #expect(problems.count == 1)
        #expect(problems[0].contains("more than 100000 values"))
    }

    @Test(arguments: 0..<200) func noTextTraps(seed: UInt64) {
        // Pieces that mean something to YAML or to the markers, put together at random.
        let pieces = [
            "timers:", "t1:", " ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "\"", "'", "&a", "*a", "!!int", "? ",
            ": ", "~",
            "1s", "\u{E000}", "\u{E000}1\u{E000}t1", "domains:", "listeners:", "name:", "udp://127.0.0.1", "|", ">",
            "%YAML 1.1",
            "---", "#", "\t", "\u{0}", "é", "a: 1\na: 1\n", "\r\n",
        ]
        var state = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493
        var text = ""
        for _ in 0..<(5 + seed % 40) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            text += pieces[Int((state >> 33) % UInt64(pieces.count))]
        }
        for problem in problems(text) { #expect(problem.hasPrefix("ito.yaml")) }
    }
}
