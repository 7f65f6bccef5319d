public import Media
import RTP
public import Reactor
public import SIP

/// A report on how a call was heard, for a collector: `application/vq-rtcpxr` (RFC 6035).
///
/// What this side has measured, and what the far side has told of how it heard this one (RFC 3611 §4.7). Values that are not known are
/// left out (RFC 6035 §4.6).
public struct VoiceQualityReport: Sendable {
    /// One side of the call.
    public struct Side: Sendable {
        /// Who it is, as From or To say, without tag.
        public var identity: String
        /// Its tag in the dialog.
        public var tag: String
        /// Where its media is received; nil where that is not known.
        public var address: TransportAddress?

        /// A side.
        public init(identity: String, tag: String, address: TransportAddress?) {
            self.identity = identity
            self.tag = tag
            self.address = address
        }
    }

    /// The type of the body.
    public static let mediaType = "application/vq-rtcpxr"

    /// The event package (RFC 6035 §4.1).
    public static let package = "vq-rtcpxr"

    /// The Call-ID.
    public var callID: String
    /// This side.
    public var local: Side
    /// The other side.
    public var remote: Side
    /// Whether this side has begun the call.
    public var isCaller: Bool
    /// When there was media.
    public var time: ClosedRange<SIPDate>
    /// The figures of this side.
    public var statistics: AudioStatistics

    /// A report on a call that is over.
    public init(
        callID: String, local: Side, remote: Side, isCaller: Bool, time: ClosedRange<SIPDate>,
        statistics: AudioStatistics
    ) {
        self.callID = callID
        self.local = local
        self.remote = remote
        self.isCaller = isCaller
        self.time = time
        self.statistics = statistics
    }

    /// The body of the report (RFC 6035 §4.6.1).
    public var text: String {
        let near = statistics.metrics
        let far = statistics.remoteMetrics
        var lines = [
            "VQSessionReport: CallTerm", "CallID: \(callID)", "LocalID: \(local.identity)",
            "RemoteID: \(remote.identity)", "OrigID: \(isCaller ? local.identity : remote.identity)",
            "LocalGroup: \(Self.group(local.identity))", "RemoteGroup: \(Self.group(remote.identity))",
            "LocalAddr: \(Self.place(local.address, statistics.source))",
            "RemoteAddr: \(Self.place(remote.address, near?.ssrc))", "LocalMetrics:",
        ]
        lines += metrics(near, jitter: statistics.jitter, beside: far)
        if let far {
            lines.append("RemoteMetrics:")
            lines += metrics(far, jitter: statistics.remote?.jitter, beside: near)
        }
        lines.append("DialogID: \(callID);to-tag=\(remote.tag);from-tag=\(local.tag)")
        return lines.map { $0 + "\r\n" }.joined()
    }

    /// The host of somebody's URI: those of a domain are one group.
    private static func group(_ identity: String) -> String {
        let uri = identity.split(separator: "<").last?.prefix { $0 != ">" } ?? ""
        let rest = uri.split(separator: "@").last ?? uri.split(separator: ":").last ?? uri
        return String(rest.prefix { $0 != ";" && $0 != "?" })
    }

    private static func place(_ address: TransportAddress?, _ source: UInt32?) -> String {
        let host = withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            String(decoding: memory[..<(address?.writeIP(into: memory) ?? 0)], as: UTF8.self)
        }
        return
            "IP=\(host.isEmpty ? "0.0.0.0" : host) PORT=\(address?.port ?? 0) SSRC=0x\(String(source ?? 0, radix: 16))"
    }

    /// The lines of one side's metrics (RFC 6035 §4.6.2).
    private func metrics(_ block: VoIPMetrics?, jitter: Duration?, beside other: VoIPMetrics?) -> [String] {
        var lines = [
            "Timestamps:START=\(time.lowerBound.timestamp) STOP=\(time.upperBound.timestamp)", session(block),
        ]
        guard let block else { return lines }
        let configuration = block.configuration
        lines.append(
            "JitterBuffer:JBA=\(configuration >> 4 & 3) JBR=\(configuration & 15) JBN=\(block.nominalDelay) "
                + "JBM=\(block.maximumDelay) JBX=\(block.absoluteMaximumDelay)")
        lines.append("PacketLoss:NLR=\(Self.percent(block.lossRate)) JDR=\(Self.percent(block.discardRate))")
        lines.append(
            "BurstGapLoss:BLD=\(Self.percent(block.burstDensity)) BD=\(block.burstDuration) "
                + "GLD=\(Self.percent(block.gapDensity)) GD=\(block.gapDuration) GMIN=\(block.gapThreshold)")
        lines.append("Delay:" + delay(block, jitter, other).joined(separator: " "))
        let signal = Self.known([
            ("SL", block.signalLevel == VoIPMetrics.unavailable ? nil : "\(Int8(bitPattern: block.signalLevel))"),
            ("NL", block.noiseLevel == VoIPMetrics.unavailable ? nil : "\(Int8(bitPattern: block.noiseLevel))"),
            ("RERL", block.echoReturnLoss == VoIPMetrics.unavailable ? nil : "\(block.echoReturnLoss)"),
        ])
        if !signal.isEmpty { lines.append("Signal:" + signal) }
        let quality = Self.known([
            ("RCQ", block.rating == VoIPMetrics.unavailable ? nil : "\(block.rating)"),
            ("EXTRI", block.externalRating == VoIPMetrics.unavailable ? nil : "\(block.externalRating)"),
            ("MOSLQ", Self.score(block.listeningScore)), ("MOSCQ", Self.score(block.conversationScore)),
        ])
        if !quality.isEmpty { lines.append("QualityEst:" + quality + " QoEEstAlg=G.107") }
        return lines
    }

    private func session(_ block: VoIPMetrics?) -> String {
        let codec = statistics.codec
        let milliseconds = Int(statistics.packetTime / .milliseconds(1))
        var parts = [("PD", codec.name), ("SR", "\(codec.sampleRate.hertz)"), ("FD", "\(milliseconds)"), ("FPP", "1")]
        if let number = codec.staticPayloadType { parts.insert(("PT", "\(number)"), at: 0) }
        parts.append(("PPS", "\(milliseconds > 0 ? 1000 / milliseconds : 0)"))
        if let block { parts.append(("PLC", "\(block.configuration >> 6)")) }
        return "SessionDesc:" + Self.known(parts)
    }

    private func delay(_ block: VoIPMetrics, _ jitter: Duration?, _ other: VoIPMetrics?) -> [String] {
        var parts: [String] = []
        if block.roundTripDelay > 0 { parts.append("RTD=\(block.roundTripDelay)") }
        parts.append("ESD=\(block.endSystemDelay)")
        if block.roundTripDelay > 0, let other {
            // RFC 6035 §4.6.2.9.3.
            let all = Int(block.roundTripDelay) + Int(block.endSystemDelay) + Int(other.endSystemDelay)
            parts.append("SOWD=\(all / 2)")
        }
        if let jitter { parts.append("IAJ=\(min(65_535, Int(jitter / .milliseconds(1))))") }
        return parts
    }

    private static func known(_ parts: [(name: String, value: String?)]) -> String {
        parts.compactMap { part in part.value.map { "\(part.name)=\($0)" } }.joined(separator: " ")
    }

    /// A part of 256 in percent, with a decimal.
    private static func percent(_ part: UInt8) -> String {
        let tenths = (Int(part) * 1000 + 128) / 256
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// An opinion score of ten times its value; nil for one that is not known.
    private static func score(_ value: UInt8) -> String? {
        value == VoIPMetrics.unavailable ? nil : "\(value / 10).\(value % 10)"
    }
}
