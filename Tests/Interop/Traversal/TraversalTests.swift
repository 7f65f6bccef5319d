import Foundation
import Media
import TestKit
import Testing

extension Interop {
    /// Two phones of ours, `ito call` and `ito answer`, each behind a translator of addresses of each kind, with `ito serve` and `ito relay`
    /// on the public network: both always hear each other, and by the way that is expected.
    @Suite(
        .enabled(
            if: TranslatedNetworks.arePossible,
            "needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN), to make network namespaces with address translators"))
    struct TraversalTests {
        typealias Site = TranslatedNetworks.Site

        /// What a phone says of its call at the end.
        struct Report: Decodable {
            struct Way: Decodable {
                var local: String
                var local_kind: String
                var remote: String
                var remote_kind: String
            }

            var status: Int
            var way: Way?
        }

        /// The domain of the accounts.
        private static let domain = "example.test"
        private static let password = "secret"

        /// Starts `ito serve`, which leaves media to the phones, and `ito relay`.
        private func startServers(_ networks: TranslatedNetworks, _ certificates: Certificates, in peers: Peers)
            async throws
        {
            let data = peers.folder.file("data")
            for user in ["caller"] + Site.allCases.map(\.rawValue) {
                let command = ItoProgram.command(
                    ["user", "add", "\(user)@\(Self.domain)", "--data", data], password: Self.password)
                try await peers.run(command, name: "ito user add")
            }
            let configuration = try peers.folder.write(
                "domains:\n  - name: \(Self.domain)\n    media: direct\n", to: "serve.yaml")
            let serve = ItoProgram.command([
                "serve", "--data", data, "--config", configuration, "--listen", "udp://203.0.113.1:5060", "--listen",
                "tcp://203.0.113.1:5060", "--listen", "tcp://[2001:db8::1]:5060",
            ])
            let server = try peers.start(networks.publicly(serve), name: "ito serve")
            let identity = try certificates.identity([.address("203.0.113.1")], file: "relay.pem")
            let users = (["caller"] + Site.allCases.map(\.rawValue)).map { "\($0):\(Self.password)" }
            let relay = ItoProgram.command(
                [
                    "relay", "--data", peers.folder.file("relay"), "--listen", "udp://203.0.113.1:3478", "--listen",
                    "tcp://203.0.113.1:3478", "--listen", "tls://203.0.113.1:5349", "--listen",
                    "udp://[2001:db8::1]:3478", "--listen", "tcp://[2001:db8::1]:3478",
                    // The networks of the test are of those for documentation, which are not relayed to else.
                    "--allow", "203.0.113.0/24", "--allow", "2001:db8::/64",
                ],
                environment: ["ITO_TURN_USERS": users.joined(separator: ","), "ITO_TLS_CERTIFICATE": identity])
            let relaying = try peers.start(networks.publicly(relay), name: "ito relay")
            try await server.line(containing: "ready udp://")
            try await relaying.line(containing: "ready udp://")
        }

        /// The line of a phone at a site, which signals by TCP: all networks let that out.
        private func line(
            _ command: [String], _ user: String, at site: Site, _ copy: TranslatedNetworks.Copy,
            _ networks: TranslatedNetworks, _ certificates: Certificates
        ) -> PeerCommand {
            let host = site == .ipv6 ? "[2001:db8::1]" : "203.0.113.1"
            var arguments =
                command + [
                    "--as", "sip:\(user)@\(Self.domain)", "--proxy", "sip:\(host):5060;transport=tcp", "--json",
                    "--ice", "full", "--stun-server", "\(host):3478", "--turn-server", "turn:\(user)@\(host):3478",
                    "--ca-file", certificates.authorityFile,
                ]
            // Where no UDP gets out one phone knows of the server by TCP, and the other by TLS.
            let reliable =
                copy == .first || site == .ipv6 ? "turn:\(user)@\(host)?transport=tcp" : "turns:\(user)@\(host)"
            arguments += ["--turn-server", reliable]
            return networks.at(
                site, copy,
                ItoProgram.command(
                    arguments, password: Self.password, environment: ["ITO_TURN_PASSWORD": Self.password]))
        }

        @Test(
            "From each kind of network to each, both hear each other, by the way that is expected",
            arguments: Site.allCases)
        func everyPair(from caller: Site) async throws {
            try await TranslatedNetworks.with { networks, peers in
                let certificates = try Certificates(in: peers)
                try await startServers(networks, certificates, in: peers)
                // Each pair once; those of one caller at the same time.
                let callees = Site.allCases.drop { $0 != caller }
                try await withThrowingTaskGroup(of: Void.self) { calls in
                    for callee in callees {
                        calls.addTask { try await call(from: caller, to: callee, networks, certificates, in: peers) }
                    }
                    try await calls.waitForAll()
                }
            }
        }

        private func call(
            from caller: Site, to callee: Site, _ networks: TranslatedNetworks, _ certificates: Certificates,
            in peers: Peers
        ) async throws {
            let pair = "\(caller.rawValue) to \(callee.rawValue)"
            let heard = [caller, callee].enumerated().map { peers.folder.file("\($0)-\(pair).wav") }
            let answer = [
                "answer", "--play", "tone:620", "--record", heard[1], "--count", "1",
            ]
            let bob = try peers.start(
                line(answer, callee.rawValue, at: callee, .second, networks, certificates), name: "ito answer (\(pair))"
            )
            try await bob.line(containing: #""event":"ready""#)
            let dial = [
                "call", "sip:\(callee.rawValue)@\(Self.domain)", "--play", "tone:440", "--record", heard[0],
                "--duration", "4s",
            ]
            let alice = try peers.start(
                line(dial, "caller", at: caller, .first, networks, certificates), name: "ito call (\(pair))")
            #expect(try await alice.exit() == .code(0), "\(pair)")
            #expect(try await bob.exit() == .code(0), "\(pair)")
            #expect(try hears(620, in: heard[0]), "the caller: \(pair)")
            #expect(try hears(440, in: heard[1]), "the callee: \(pair)")
            try expectWay(try report(of: alice), caller, try report(of: bob), callee)
        }

        @Test("A way that is cut is given up after 30 s, and the phones find another by a relay asked for anew")
        func aWayIsCut() async throws {
            try await TranslatedNetworks.with { networks, peers in
                let certificates = try Certificates(in: peers)
                try await startServers(networks, certificates, in: peers)
                let (caller, callee) = (Site.portRestricted, Site.open)
                let heard = [caller, callee].map { peers.folder.file("\($0.rawValue).wav") }
                let answer = ["answer", "--play", "tone:620", "--record", heard[1], "--count", "1"]
                let bob = try peers.start(
                    line(answer, callee.rawValue, at: callee, .second, networks, certificates), name: "ito answer")
                let ready = try await bob.line(containing: #""event":"ready""#)
                let address = try #require(ready.text.firstMatch(of: /at (203\.0\.113\.[0-9]+)/)?.1)
                let dial = [
                    "call", "sip:\(callee.rawValue)@\(Self.domain)", "--play", "tone:440", "--record", heard[0],
                    "--duration", "50s",
                ]
                let alice = try peers.start(
                    line(dial, "caller", at: caller, .first, networks, certificates), name: "ito call")
                try await bob.line(containing: #""event":"answered""#)
                // Relays that nothing needs are given back 3 s behind the end of the checks: the real time of real programs has to pass.
                try await peers.run(PeerCommand("sleep", ["6"], package: "coreutils"))
                try await peers.run(
                    networks.translator(
                        of: caller, .first,
                        PeerCommand(
                            "nft", ["add rule ip translator through ip daddr \(address) meta l4proto udp drop"],
                            package: "nftables")))
                #expect(try await alice.exit() == .code(0))
                #expect(try await bob.exit() == .code(0))
                for (frequency, file) in zip([620.0, 440], heard) {
                    #expect(try hears(frequency, in: file, last: 5))
                }
                let (one, other) = (try #require(try report(of: alice).way), try #require(try report(of: bob).way))
                #expect(one.local_kind == "relayed" || one.remote_kind == "relayed", "\(one)")
                #expect(one.local == other.remote && one.remote == other.local, "\(one) \(other)")
            }
        }

        private func report(of phone: PeerProcess) throws -> Report {
            let last = try #require(phone.lines.last { $0.text.contains(#""event":"ended""#) })
            return try JSONDecoder().decode(Report.self, from: Data(last.text.utf8))
        }

        /// Both ends tell of the same way, and it is the best that the two networks allow.
        private func expectWay(_ ours: Report, _ caller: Site, _ theirs: Report, _ callee: Site) throws {
            let pair = "\(caller.rawValue) to \(callee.rawValue)"
            let (one, other) = (try #require(ours.way, "\(pair)"), try #require(theirs.way, "\(pair)"))
            #expect(one.local == other.remote && one.remote == other.local, "\(pair): \(one) \(other)")
            guard Self.canPass(caller, callee) else {
                // A relay of either side, and that of the side that has no other way out.
                #expect([one.local_kind, one.remote_kind].contains("relayed"), "\(pair): \(one)")
                #expect([other.local_kind, other.remote_kind].contains("relayed"), "\(pair): \(other)")
                if caller == .udpBlocked { #expect(one.local_kind == "relayed", "\(pair): \(one)") }
                if callee == .udpBlocked { #expect(other.local_kind == "relayed", "\(pair): \(other)") }
                return
            }
            // IPv6 goes first (RFC 8421 §4), whatever signalling goes by.
            #expect(one.local.hasPrefix("[2001:db8::") == Self.haveIPv6(caller, callee), "\(pair): \(one)")
            #expect(one.local_kind == Self.kind(caller) && one.remote_kind == Self.kind(callee), "\(pair): \(one)")
            #expect(
                other.local_kind == Self.kind(callee) && other.remote_kind == Self.kind(caller), "\(pair): \(other)")
        }

        /// Whether there is a way without a relay (RFC 4787 §4, §5).
        private static func canPass(_ first: Site, _ second: Site) -> Bool {
            let both = [first, second]
            if both.contains(.udpBlocked) { return false }
            if both.contains(.ipv6) { return haveIPv6(first, second) }
            // Of two that look at ports one must have a port that the other can know.
            return !(both.contains(.symmetric) && (first == second || both.contains(.portRestricted)))
        }

        /// Whether both have addresses of IPv6, be it beside one of IPv4.
        private static func haveIPv6(_ first: Site, _ second: Site) -> Bool {
            [first, second].allSatisfy { $0 == .ipv6 || $0 == .dual }
        }

        /// What the address of a phone is for the other one, where they reach each other without a relay.
        private static func kind(_ site: Site) -> String {
            switch site {
            case .open, .ipv6, .dual: "host"
            case .symmetric: "peer-reflexive"
            case .fullCone, .restricted, .portRestricted, .udpBlocked: "server-reflexive"
            }
        }

        /// Whether half a second of a recording is a tone, at the level that it was played at.
        ///
        /// - Parameter last: seconds at its end that are looked at; nil for all.
        private func hears(_ frequency: Double, in file: String, last: Int? = nil) throws -> Bool {
            let clip = try AudioClip(wavFile: file)
            let (rate, window) = (8_000.0, 4_000)
            guard clip.samples.count >= window else { return false }
            let first = last.map { max(0, clip.samples.count - $0 * Int(rate)) } ?? 0
            return stride(from: first, through: clip.samples.count - window, by: window / 2).contains { start in
                let samples = clip.samples[start..<start + window]
                var meter = LevelMeter()
                meter.update(Array(samples).span)
                guard abs(meter.reading.level.dBm0 + 10) < 2 else { return false }
                // The part of the power that is of the frequency, by one line of the Fourier transform.
                var (real, imaginary, power) = (0.0, 0.0, 0.0)
                for (index, sample) in samples.enumerated() {
                    let angle = 2 * Double.pi * frequency * Double(index) / rate
                    real += Double(sample) * cos(angle)
                    imaginary += Double(sample) * sin(angle)
                    power += Double(sample) * Double(sample)
                }
                return (real * real + imaginary * imaginary) * 2 / Double(window) > 0.9 * power
            }
        }
    }
}
