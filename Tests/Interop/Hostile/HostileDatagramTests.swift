import Server
import TestKit
import Testing

extension Interop {
    /// Bad datagrams against the running server, each while well-behaved clients are served.
    @Suite struct HostileDatagramTests {
        static let arguments = ["--no-auth", "--listen", "tcp://127.0.0.1:0"]

        /// After how many datagrams an attacker waits until the server has read them: fewer than a socket's buffer holds.
        private static let burst = 25

        @Test func randomBytesAreDroppedAndCounted() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let wire = try Wire(.udp, to: server.hostPort)
                let count = 3_000
                try await withServedClients(of: server) {
                    var generator = SeededGenerator(seed: 4_475)
                    for number in 1...count {
                        wire.send(generator.bytes(Int.random(in: 0...1_400, using: &generator)))
                        if number % Self.burst == 0 { try await WellBehavedClient(wire: wire).ask() }
                    }
                }
                // Those of up to four bytes that are all NUL, CR or LF are keep-alives.
                let counters = try server.statistics().signalling
                #expect(counters["malformed", default: 0] + counters["keepAlives", default: 0] == UInt64(count))
                #expect(counters["keepAlives", default: 0] < 20)
            }
        }

        /// Valid requests with one to four bytes changed: whatever the server makes of them, it goes on.
        @Test func requestsWithChangedBytesHarmNothing() async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let wire = try Wire(.udp, to: server.hostPort)
                try await withServedClients(of: server) {
                    var generator = SeededGenerator(seed: 5_118)
                    for number in 0..<3_000 {
                        var bytes = request(["INVITE", "REGISTER"][number % 2], number, wire)
                        for _ in 0..<Int.random(in: 1...4, using: &generator) {
                            let place = Int.random(in: bytes.indices, using: &generator)
                            bytes[place] = UInt8.random(in: 0...255, using: &generator)
                        }
                        wire.send(bytes)
                        if number % Self.burst == 0 { try await WellBehavedClient(wire: wire).ask() }
                    }
                }
            }
        }

        /// A request that is cut is answered as soon as it has a whole Via to answer to, and dropped and counted before.
        @Test(arguments: ["INVITE", "REGISTER"])
        func aRequestCutAtEveryOffsetIsAnsweredOrCounted(method: String) async throws {
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments + ["--lanes", "1"])
                let wire = try Wire(.udp, to: server.hostPort)
                let whole = request(method, 0, wire)
                var answers: [Int: [Int]] = [:]
                try await withServedClients(of: server) {
                    for length in whole.indices {
                        wire.send(Array(request(method, length, wire)[..<length]))
                        guard length % Self.burst == 0 || length == whole.count - 1 else { continue }
                        try await collect(wire, &answers)
                    }
                }
                let text = String(decoding: whole, as: UTF8.self)
                let endOfVia = try offset(of: "Max-Forwards", in: text)
                for length in endOfVia..<whole.count {
                    let statuses = answers[length] ?? []
                    // What lacks nothing but whole fields that are not mandatory is good enough.
                    let isCutBetweenFields = whole[length - 1] == 0x0A
                    let isGood = statuses.count == 1 && (statuses[0] == 400 || isCutBetweenFields)
                    #expect(isGood, "\(method) cut at \(length) of \(whole.count) was answered \(statuses)")
                }
                let counters = try server.statistics().signalling
                // Without a first line and the start of a Via value there is nobody to answer.
                let endOfStartLine = try offset(of: "Via:", in: text)
                let dropped = counters["malformed", default: 0] + counters["keepAlives", default: 0]
                #expect(dropped >= UInt64(endOfStartLine) && dropped < UInt64(endOfVia))
            }
        }

        /// Adds the answers that have come, by the number in their branch.
        private func collect(_ wire: Wire, _ answers: inout [Int: [Int]]) async throws {
            wire.send(wire.request("OPTIONS", "sip:example.test", branch: "last"))
            while true {
                let answer = try await wire.message()
                let via = try #require(answer.values("Via").first)
                if via.contains("z9hG4bKlast") { return }
                guard let mark = via.firstRange(of: "z9hG4bKcut"), let number = Int(via[mark.upperBound...].prefix(5))
                else { continue }
                answers[number, default: []].append(answer.status)
            }
        }

        private func offset(of part: String, in text: String) throws -> Int {
            text.utf8.distance(from: text.startIndex, to: try #require(text.firstRange(of: part)).lowerBound)
        }

        /// A request whose branch tells its number; all are of the same length.
        private func request(_ method: String, _ number: Int, _ wire: Wire) -> [UInt8] {
            let branch = "cut" + String(String(100_000 + number).dropFirst()) + "x"
            let uri = method == "INVITE" ? "sip:nobody@example.test" : "sip:example.test"
            let text = wire.request(
                method, uri, to: "sip:nobody@example.test", branch: branch, callID: "call-\(branch)",
                headers: ["Content-Type: application/sdp"],
                body: method == "INVITE" ? "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n" : "")
            return Wire.bytes(text)
        }

        /// Sizes at and beyond the limits: what is sent, and the status that answers.
        static let large: [(headers: [String], status: Int)] = [
            // As large as a datagram can be, and no limit is passed.
            (Array(repeating: "X-Large: " + String(repeating: "a", count: 7_900), count: 8), 200),
            // A header field beyond `limits.line-length`.
            (["X-Large: " + String(repeating: "a", count: 60_000)], 400),
            (["X-Folded: a" + String(repeating: "\n a", count: 10_000)], 400),
            (["Via: SIP/2.0/UDP h" + String(repeating: ", SIP/2.0/UDP h", count: 4_000)], 400),
            // More header fields than `limits.header-count`.
            (Array(repeating: "a: b", count: 10_000), 400),
            (Array(repeating: "Via: SIP/2.0/UDP h", count: 3_000), 400),
        ]

        @Test(arguments: large.indices)
        func largeDatagramsAreAnswered(index: Int) async throws {
            let (headers, status) = Self.large[index]
            try await withPeers { peers in
                let server = try await ItoServer.start(in: peers, Self.arguments)
                let wire = try Wire(.udp, to: server.hostPort)
                let request = Wire.bytes(wire.request("OPTIONS", "sip:example.test", headers: headers))
                try await withServedClients(of: server) {
                    for _ in 0..<20 {
                        let answer = try await wire.ask(request)
                        #expect(answer.status == status)
                    }
                }
                let rejected = try server.statistics().signalling["rejected"]
                #expect(rejected == (status == 200 ? 0 : 20))
            }
        }
    }
}
