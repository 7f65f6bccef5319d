import Testing

@testable import Server

@Suite struct ConfigurationTextTests {
    @Test(arguments: [
        ("500ms", 500), ("500 ms", 500), ("4s", 4_000), ("1.5s", 1_500), ("0.001s", 1), ("5min", 300_000),
        ("5m", 300_000), ("1h", 3_600_000), ("2 d", 172_800_000), ("0", 0), ("0s", 0), ("1H", 3_600_000),
        ("999999999d", 86_399_999_913_600_000),
    ])
    func readsDurations(text: String, milliseconds: Int64) {
        #expect(ConfigurationText.duration(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "5", "s", "-1s", "1.s", ".5s", "1.5.5s", "1.0001ms", "0.0", "1 s s", "1e3s", "soon", "9999999999s", "５s",
        "1.0000000000s",
    ])
    func refusesOtherDurations(text: String) {
        #expect(ConfigurationText.duration(text) == nil)
    }

    @Test(arguments: [
        (0, "0s"), (500, "500ms"), (4_000, "4s"), (181_000, "181s"), (3_900_000, "65min"), (3_600_000, "1h"),
        (172_800_000, "2d"), (1_500, "1500ms"),
    ])
    func writesDurationsAsTheyAreRead(milliseconds: Int64, text: String) {
        #expect(ConfigurationText.text(.milliseconds(milliseconds)) == text)
        #expect(ConfigurationText.duration(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        (0, "0B"), (1_300, "1300B"), (65_507, "65507B"), (1 << 16, "64KiB"), (1 << 20, "1MiB"), (1_536, "1536B"),
    ])
    func writesSizesAsTheyAreRead(size: Int, text: String) {
        #expect(ConfigurationText.text(size: size) == text)
        #expect(ConfigurationText.size(text) == size)
    }

    @Test(arguments: ["", "64", "64kB", "-1B", "0.1B", "64 KiB KiB"]) func refusesOtherSizes(text: String) {
        #expect(ConfigurationText.size(text) == nil)
    }

    @Test func readsSizesWithFractionsAndBlanks() {
        #expect(ConfigurationText.size("1.5 KiB") == 1_536)
        #expect(ConfigurationText.size("64 kib") == 65_536)
    }

    @Test(arguments: ["", "-1", "+1", "1 000", "0x10", "1.0", "9999999999"]) func refusesOtherNumbers(text: String) {
        #expect(ConfigurationText.integer(text) == nil)
    }

    @Test func readsRangesOfPorts() {
        #expect(ConfigurationText.ports("16384-32767") == 16_384...32_767)
        #expect(ConfigurationText.ports("1024 - 1025") == 1_024...1_025)
        for text in ["", "1024", "2-1", "1-65536", "1-2-3", "a-b"] { #expect(ConfigurationText.ports(text) == nil) }
    }
}
