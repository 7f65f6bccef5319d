import Foundation
import Media
import SIP
import SRTP
import UserAgent

/// The lines that a call prints: `ended` is the last one, in the form that scripts rely on.
struct CallReport {
    let json: Bool
    let began: ContinuousClock.Instant

    struct Line: Encodable {
        var event: String
        var status: Int?
        var reason: String?
        var peer: String?
    }

    struct Ended: Encodable {
        struct Audio: Encodable {
            var sent_packets: UInt64
            var received_packets: UInt64
            var lost: Int
            var jitter_ms: Double
            var mos: Double
            var encryption: String?
        }

        var event = "ended"
        var status: Int
        var reason: String
        var by: String
        var codec: String
        var duration_ms: Int
        var setup_ms: Int
        var audio: Audio?
    }

    func say(_ event: String, status: Int? = nil, reason: String? = nil, peer: String? = nil) {
        if json { return Terminal.say(JSONLine.text(Line(event: event, status: status, reason: reason, peer: peer))) }
        let details = [status.map(String.init), reason, peer].compactMap { $0 }.joined(separator: " ")
        Terminal.say(details.isEmpty ? event : "\(event) \(details)")
    }

    func ended(_ ending: CallEnding, setUp: ContinuousClock.Instant?, _ statistics: AudioStatistics?) {
        let now = ContinuousClock.now
        let codec = statistics.map { "\($0.codec.name)/\($0.codec.clockRate.hertz)" } ?? ""
        let audio = statistics.map {
            Ended.Audio(
                sent_packets: $0.sentPackets, received_packets: $0.receivedPackets, lost: $0.lost,
                jitter_ms: rounded(Double($0.jitter.wholeMicroseconds) / 1_000),
                mos: rounded($0.quality.meanOpinionScore), encryption: $0.protection?.cryptoSuite)
        }
        let line = Ended(
            status: Int(ending.status.rawValue), reason: ending.reason, by: ending.side.rawValue, codec: codec,
            duration_ms: setUp.map { (now - $0).wholeMilliseconds } ?? 0,
            setup_ms: ((setUp ?? now) - began).wholeMilliseconds, audio: audio)
        if json { return Terminal.say(JSONLine.text(line)) }
        Terminal.say("ended \(line.status) \(line.reason), by \(line.by), after \(line.duration_ms) ms")
        if let audio {
            Terminal.say(
                "audio: sent \(audio.sent_packets), received \(audio.received_packets), lost \(audio.lost), "
                    + "jitter \(audio.jitter_ms) ms, MOS \(audio.mos), "
                    + (audio.encryption.map { "encrypted by \($0)" } ?? "not encrypted"))
        }
    }

    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

extension Duration {
    /// Whole microseconds.
    var wholeMicroseconds: Int {
        let parts = components
        return Int(parts.seconds) * 1_000_000 + Int(parts.attoseconds / 1_000_000_000_000)
    }
}
