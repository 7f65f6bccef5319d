import Testing

@testable import Server

@Suite struct NearMatchTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("t1", "1t", 1), ("domains", "domain", 1), ("ab", "ba", 1),
        ("realm", "relam", 1), ("abcd", "acbd", 1),
    ])
    func countsEdits(left: String, right: String, expected: Int) {
        #expect(NearMatch.distance(left, right) == expected)
        #expect(NearMatch.distance(right, left) == expected)
    }

    @Test(arguments: [
        ("timers.t3", "timers.t1"), ("domain", "domains"), ("listener", "listeners"), ("timer", "timers"),
        ("limits.maxForwards", "limits.max-forwards"), ("limits.max_forwards", "limits.max-forwards"),
        ("registrar.max-forwards", "limits.max-forwards"), ("max-forwards", "limits.max-forwards"),
        ("registrar.defalt-expires", "registrar.default-expires"), ("loging", "logging"), ("datafolder", "data-folder"),
    ])
    func findsWhatWasMeant(name: String, expected: String) {
        let names =
            ConfigurationSchema.settings.map(\.key.name) + ConfigurationSchema.sections.sorted() + [
                "domains", "listeners",
            ]
        #expect(NearMatch.find(name, among: names) == expected)
    }

    @Test func guessesNothingWild() {
        let names = ConfigurationSchema.settings.map(\.key.name)
        for name in ["colour", "timers.retransmission", "x", "", "a.b.c.d", String(repeating: "t", count: 500)] {
            #expect(NearMatch.find(name, among: names) == nil, "\(name)")
        }
    }
}
