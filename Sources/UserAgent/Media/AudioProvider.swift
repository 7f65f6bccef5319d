import Glibc
public import Media
public import Reactor
import SDP
import Synchronization

/// What of the audio of calls may change while calls go on; each call keeps what it began with.
public struct AudioSettings: Sendable, Hashable {
    /// The differentiated services code point of RTP and RTCP packets, 0 to 63 (RFC 2474): 46 is Expedited Forwarding, for
    /// voice (RFC 4594 §4.1).
    public var codePoint = 46

    /// How much jitter the playout buffer absorbs from the start: a packet is played this long after it came, and up to one frame
    /// more.
    public var playoutDepth = PlayoutBuffer.Configuration().nominalDelay

    /// The depth that an adaptive buffer goes back to where packets come evenly, at most ``playoutDepth``.
    public var leastPlayoutDepth = PlayoutBuffer.Configuration().minimumDelay

    /// Whether the depth follows the jitter, which stretches time a little; else the sound comes as it was sent.
    public var isPlayoutAdaptive = true

    /// Whether comfort noise takes the place of silence where the far side takes it (RFC 3389), and Opus leaves silence out.
    public var suppressesSilence = false

    /// Packets before its own that each packet holds once more where the far side takes redundant data (RFC 2198) and packets are lost, 0
    /// to 4; offered of the first codec. Nil is 1 for Opus, whose frames are small, and 0 for others.
    public var redundancy: Int?

    /// Whether keys are listened for in the sound where the far side has no telephone events (RFC 4733): DTMF tones, by ITU-T Q.24.
    public var hearsTones = true

    /// Whether Opus is sent in two channels where the source has two (``Media/AudioPort/channels``) and the far side prefers so
    /// (`stereo`); descriptions say that we do (`sprop-stereo`, RFC 7587 §6.1). Else the mean is sent.
    public var sendsStereo = false

    /// Whether Opus is heard in two channels, for a sink that has two (``Media/AudioPort/channels``); descriptions say that we
    /// prefer them (`stereo`). A sink of one gets the mean.
    public var hearsStereo = false

    /// The defaults.
    public init() {}

    var stereo: StereoWays { StereoWays(sends: sendsStereo, hears: hearsStereo) }

    var playout: PlayoutBuffer.Configuration {
        var playout = PlayoutBuffer.Configuration(depth: playoutDepth)
        playout.minimumDelay = min(playoutDepth, leastPlayoutDepth)
        playout.isAdaptive = isPlayoutAdaptive
        return playout
    }

    /// Packets before its own that a packet of the first of these codecs holds.
    func redundancy(of codecs: [AudioCodecName]) -> Int {
        if let redundancy { return redundancy }
        let first = codecs.first { $0.isAvailable }
        return first?.format().codec == .opus ? 1 : 0
    }

    var socket: DatagramSocketConfiguration {
        var socket = DatagramSocketConfiguration.media
        socket.codePoint = codePoint
        return socket
    }
}

/// Binds RTP ports and makes the audio of calls, all on one media lane.
public final class AudioProvider: MediaProvider {
    private let lane: Lane
    private let ports: MediaPorts?
    private let codecs: [AudioCodecName]
    private let security: MediaSecurity?
    private let ice: ICEPolicy
    private let connections: RelayConnections?
    private let resolver: HostResolver?
    private let current: Mutex<AudioSettings>
    private let onFailure: @Sendable (SocketError) -> Void

    /// What the next calls begin with.
    public var settings: AudioSettings {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - lane: the media lane.
    ///   - ports: the ports for RTP; even ones, with RTCP on the next.
    ///   - codecs: in order of preference.
    ///   - settings: what the first calls begin with.
    ///   - security: how the media is encrypted; nil for media in the clear.
    ///   - ice: whether and how connectivity is checked.
    ///   - connections: makes connections to TURN servers that are reached so.
    ///   - resolver: finds the addresses of servers that are named.
    ///   - onFailure: told, on the media lane, why the audio of a call cannot start; the call ends by itself.
    public init(
        lane: Lane, ports: ClosedRange<UInt16>, codecs: [AudioCodecName], settings: AudioSettings = AudioSettings(),
        security: MediaSecurity? = nil, ice: ICEPolicy = .off, connections: RelayConnections? = nil,
        resolver: HostResolver? = nil, onFailure: @escaping @Sendable (SocketError) -> Void = { _ in }
    ) {
        self.lane = lane
        self.ports = MediaPorts(ports)
        self.codecs = codecs
        self.security = security
        self.ice = ice
        self.connections = connections
        self.resolver = resolver
        self.onFailure = onFailure
        current = Mutex(settings)
    }

    public func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
        let settings = settings
        guard let ports else { throw SocketError(EINVAL, "find a pair of RTP ports in a range without one", near) }
        let socket = settings.socket
        let tellsAll = ice.mode != .off && ice.addresses == .all && !ice.keepsToRelays
        let bind = { @Sendable (address: TransportAddress) throws(SocketError) in
            try MediaSockets(
                near: address, beside: tellsAll ? LocalAddresses.beside(address) : [], ports, socket)
        }
        return AudioLeg(
            lane: lane, sockets: try bind(near), codecs: codecs, playout: settings.playout,
            suppressesSilence: settings.suppressesSilence,
            redundancy: settings.redundancy(of: codecs),
            hearsTones: settings.hearsTones, stereo: settings.stereo, security: security, ice: ice,
            connections: connections, resolver: resolver,
            bind: bind, onFailure: onFailure)
    }
}
