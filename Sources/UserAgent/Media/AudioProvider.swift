import Media
public import Reactor
import SDP
import Synchronization

/// A codec as people name it.
public enum AudioCodecName: String, Sendable, Hashable, CaseIterable {
    /// G.711 µ-law.
    case pcmu
    /// G.711 A-law.
    case pcma

    var format: FormatCapability { self == .pcmu ? .pcmu : .pcma }
}

/// Binds RTP ports and makes the audio of calls, all on one media lane.
public final class AudioProvider: MediaProvider {
    private let lane: Lane
    private let ports: ClosedRange<UInt16>
    private let codecs: [AudioCodecName]
    private let next: Atomic<UInt32>

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - lane: the media lane.
    ///   - ports: the ports for RTP; even ones, with RTCP on the next.
    ///   - codecs: in order of preference.
    public init(lane: Lane, ports: ClosedRange<UInt16>, codecs: [AudioCodecName]) {
        self.lane = lane
        self.ports = ports
        self.codecs = codecs
        // Several programs on one machine begin at different places, and seldom meet.
        next = Atomic(UInt32.random(in: 0...UInt32(UInt16.max)))
    }

    public func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
        let pair = try bindPair(near)
        return AudioLeg(lane: lane, rtp: pair.rtp, rtcp: pair.rtcp, codecs: codecs)
    }

    /// Binds an even port and the one behind it (RFC 3550 §11).
    private func bindPair(
        _ near: TransportAddress
    ) throws(SocketError) -> (rtp: BoundDatagramSocket, rtcp: BoundDatagramSocket) {
        let first = UInt32(ports.lowerBound) + UInt32(ports.lowerBound % 2)
        let pairs = max(1, (UInt32(ports.upperBound) + 1 - min(first, UInt32(ports.upperBound))) / 2)
        var failure: SocketError?
        for _ in 0..<min(pairs, Self.mostAttempts) {
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue % pairs
            let port = UInt16(truncatingIfNeeded: first + 2 * number)
            do throws(SocketError) {
                let rtp = try BoundDatagramSocket.bind(near.with(port: port), .media)
                let rtcp = try BoundDatagramSocket.bind(near.with(port: port + 1), .media)
                return (rtp, rtcp)
            } catch {
                failure = error
            }
        }
        guard let failure else { preconditionFailure("at least one port was tried") }
        throw failure
    }

    /// How many pairs of ports are tried for a call before it is refused.
    static let mostAttempts: UInt32 = 256
}
