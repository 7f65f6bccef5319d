import ArgumentParser
import Media
import Server
import UserAgent

/// `ito codecs`: which codecs there are, and what each costs on this machine.
struct Codecs: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the codecs and what each costs on this machine.",
        discussion: """
            The names are those of --codec and of the key media.codecs. The costs are of 20 ms of sound in one direction, in \
            microseconds of one processor.
            """)

    @Flag(help: "Print a JSON object for each codec.") var json = false
    @Flag(help: "Only list them, and measure nothing.") var brief = false

    func run() throws {
        if !json { Terminal.say(Line.heading) }
        for name in AudioCodecName.allCases {
            var cost: CodecCost?
            if !brief, name.isAvailable { cost = try? CodecCost(measuring: name.codec, now: { .now }) }
            let line = Line(name, cost)
            Terminal.say(json ? JSONLine.text(line) : line.text)
        }
    }

    /// What is told of a codec.
    private struct Line: Encodable {
        let name: String
        let encoding: String
        let sample_rate: Int
        let payload_type: UInt8?
        let installed: Bool
        let kbit_per_second: Double?
        let encoding_us: Double?
        let decoding_us: Double?

        init(_ name: AudioCodecName, _ cost: CodecCost?) {
            let codec = name.codec
            self.name = name.rawValue
            let channels = codec.channels == 1 ? "" : "/\(codec.channels)"
            encoding = "\(codec.name)/\(codec.clockRate.hertz)\(channels)"
            sample_rate = codec.sampleRate.hertz
            payload_type = codec.staticPayloadType
            installed = name.isAvailable
            kbit_per_second = cost.map { Self.rounded(Double($0.octets) * 8 / 20) }
            encoding_us = cost.map { Self.rounded($0.encoding / .microseconds(1)) }
            decoding_us = cost.map { Self.rounded($0.decoding / .microseconds(1)) }
        }

        private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

        static let heading = columns(["name", "encoding", "samples/s", "type", "kbit/s", "encode", "decode"])

        var text: String {
            let type = payload_type.map { "\($0)" } ?? "dynamic"
            let figures = [kbit_per_second, encoding_us, decoding_us].map { $0.map { "\($0)" } ?? "-" }
            let line = Self.columns([name, encoding, "\(sample_rate)", type] + figures)
            return installed ? line : line + "  not installed"
        }

        private static let widths = [12, 20, 10, 8, 8, 8, 8]

        private static func columns(_ cells: [String]) -> String {
            zip(cells, widths).map { cell, width in
                cell + String(repeating: " ", count: max(1, width - cell.count))
            }.joined()
        }
    }
}
