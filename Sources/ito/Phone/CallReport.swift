import Foundation
import Media
import RTP
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
            var mos_listening: Double
            var rating: Double
            var delay_ms: Double
            var round_trip_ms: Double?
            var late: UInt64
            var burst_ms: Double
            var burst_density: Double
            var gap_ms: Double
            var gap_density: Double
            /// What the other side says of how it hears us.
            var remote_rating: Int?
            var remote_mos: Double?
            /// The cipher of the media; nothing in the clear.
            var encryption: String?

            init(_ all: AudioStatistics) {
                let quality = AudioQuality(all)
                func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
                func milliseconds(_ duration: Duration) -> Double {
                    rounded(Double(duration.wholeMicroseconds) / 1_000)
                }
                func known(_ value: UInt8?) -> UInt8? { value == VoIPMetrics.unavailable ? nil : value }
                sent_packets = all.sentPackets
                received_packets = all.receivedPackets
                lost = all.lost
                jitter_ms = milliseconds(all.jitter)
                mos = rounded(quality.conversationScore)
                mos_listening = rounded(quality.listeningScore)
                rating = rounded(quality.rating)
                delay_ms = milliseconds(quality.delay)
                round_trip_ms = quality.roundTrip.map(milliseconds)
                late = all.playout.late
                burst_ms = milliseconds(quality.burstLength)
                burst_density = rounded(quality.burstDensity)
                gap_ms = milliseconds(quality.gapLength)
                gap_density = rounded(quality.gapDensity)
                remote_rating = known(quality.remote?.rating).map { Int($0) }
                remote_mos = known(quality.remote?.conversationScore).map { Double($0) / 10 }
                encryption = all.protection?.cryptoSuite
            }
        }

        /// The way that connectivity checks have found.
        struct Way: Encodable {
            var local: String
            var local_kind: String
            var remote: String
            var remote_kind: String

            init(_ way: MediaWay) {
                local = "\(way.local)"
                local_kind = way.localKind.rawValue
                remote = "\(way.remote)"
                remote_kind = way.remoteKind.rawValue
            }
        }

        var event = "ended"
        var status: Int
        var reason: String
        var by: String
        var codec: String
        var duration_ms: Int
        var setup_ms: Int
        var audio: Audio?
        var way: Way?
    }

    func say(_ event: String, status: Int? = nil, reason: String? = nil, peer: String? = nil) {
        if json { return Terminal.say(JSONLine.text(Line(event: event, status: status, reason: reason, peer: peer))) }
        let details = [status.map(String.init), reason, peer].compactMap { $0 }.joined(separator: " ")
        Terminal.say(details.isEmpty ? event : "\(event) \(details)")
    }

    func ended(
        _ ending: CallEnding, setUp: ContinuousClock.Instant?, _ statistics: AudioStatistics?, _ way: MediaWay? = nil
    ) {
        let now = ContinuousClock.now
        let codec = statistics.map { "\($0.codec.name)/\($0.codec.clockRate.hertz)" } ?? ""
        let audio = statistics.map { Ended.Audio($0) }
        let line = Ended(
            status: Int(ending.status.rawValue), reason: ending.reason, by: ending.side.rawValue, codec: codec,
            duration_ms: setUp.map { (now - $0).wholeMilliseconds } ?? 0,
            setup_ms: ((setUp ?? now) - began).wholeMilliseconds, audio: audio,
            way: way.map { Ended.Way($0) })
        if json { return Terminal.say(JSONLine.text(line)) }
        Terminal.say("ended \(line.status) \(line.reason), by \(line.by), after \(line.duration_ms) ms")
        if let audio {
            Terminal.say(
                "audio: sent \(audio.sent_packets), received \(audio.received_packets), lost \(audio.lost), "
                    + "late \(audio.late), jitter \(audio.jitter_ms) ms, delay \(audio.delay_ms) ms, R \(audio.rating), "
                    + "MOS \(audio.mos), " + (audio.encryption.map { "encrypted by \($0)" } ?? "not encrypted"))
        }
        if let way = line.way {
            Terminal.say("way: from \(way.local) (\(way.local_kind)) to \(way.remote) (\(way.remote_kind))")
        }
    }
}

extension Duration {
    /// Whole microseconds.
    var wholeMicroseconds: Int {
        let parts = components
        return Int(parts.seconds) * 1_000_000 + Int(parts.attoseconds / 1_000_000_000_000)
    }
}
