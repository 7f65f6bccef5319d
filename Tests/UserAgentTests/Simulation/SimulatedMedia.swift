import Media
import RTP
import Reactor
import SDP
import Synchronization

@testable import UserAgent

/// Media that remembers what it was told.
final class SimulatedMediaLeg: MediaLeg {
    private let address: Mutex<TransportAddress>
    private let formats: [FormatCapability]
    private let record = Mutex<(streams: [NegotiatedStream], keys: [MediaKeys], isStopped: Bool)>(([], [], false))
    let security: MediaSecurity?
    private let policy: ICEPolicy
    private let said = Mutex<[ICETerms?]>([])

    init(
        _ localAddress: TransportAddress, formats: [FormatCapability], security: MediaSecurity?,
        ice: ICEPolicy = .off
    ) {
        policy = ice
        self.security = security
        address = Mutex(localAddress)
        self.formats = formats
    }

    var localAddress: TransportAddress { address.withLock { $0 } }

    var capabilities: MediaCapabilities {
        let address = localAddress
        return .audio(address: ConnectionAddress(address), port: address.port, formats: formats)
    }

    var ice: ICEEnds? {
        let address = localAddress
        guard policy.mode != .off else { return nil }
        var ends = ICEEnds(isLite: policy.mode == .lite, media: address, control: address.with(port: address.port + 1))
        (ends.gathered, ends.settlement) = found.withLock { $0 }
        ends.others = beside.withLock { $0 }
        return ends
    }

    /// Other addresses of the host.
    var others: [ICEEnds.Place] {
        get { beside.withLock { $0 } }
        set { beside.withLock { $0 = newValue } }
    }
    private let beside = Mutex<[ICEEnds.Place]>([])

    /// What servers have told, and what checks have settled on.
    let found = Mutex<(gathered: ICEEnds.Gathered?, settlement: ICEEnds.Settlement?)>((nil, nil))

    func connect(by terms: ICETerms?) { said.withLock { $0.append(terms) } }

    /// What was agreed last of connectivity checks.
    var terms: ICETerms? { said.withLock { $0.last ?? nil } }

    func move(near address: TransportAddress) throws(SocketError) {
        self.address.withLock { $0 = address.with(port: $0.port + 1_000) }
    }

    func apply(
        _ stream: NegotiatedStream, keys: MediaKeys, onFailure: @escaping @Sendable (MediaFailure) -> Void
    ) {
        record.withLock {
            $0.streams.append(stream)
            $0.keys.append(keys)
        }
    }

    func stop() { record.withLock { $0.isStopped = true } }

    /// All that was agreed, in order.
    var streams: [NegotiatedStream] { record.withLock { $0.streams } }

    /// What encrypts the media, each time that something was agreed.
    var keys: [MediaKeys] { record.withLock { $0.keys } }

    /// Where media goes now, as `address:port`, and in which direction; nil before anything was agreed.
    var state: String? {
        streams.last.map { stream in
            let address = stream.remoteAddress.transportAddress(port: stream.remotePort)
            return "\(address.map(String.init(describing:)) ?? "nowhere") \(stream.direction)"
        }
    }

    var isStopped: Bool { record.withLock { $0.isStopped } }

    private let keysPressed = Mutex<[String]>([])

    /// The keys that were to be sent, as `event 1` and `tone 1`.
    var pressed: [String] { keysPressed.withLock { $0 } }
}

extension SimulatedMediaLeg: AudioLegFace {
    func attach(_ ends: AudioEnds, onDigit: @escaping @Sendable (Character) -> Void) {}

    func send(_ keys: [TelephoneEvent.Code], asTones: Bool) {
        keysPressed.withLock { $0 += keys.map { "\(asTones ? "tone" : "event") \($0)" } }
    }

    func record(with recorder: CallRecorder) {}

    func release(_ recorder: CallRecorder) {}

    func way() async -> MediaWay? { nil }

    func statistics() async -> AudioStatistics? { nil }
}

/// Makes simulated media on ports that count up from 10,000 by two.
final class SimulatedMedia: MediaProvider {
    private let next = Mutex<UInt16>(10_000)
    private let formats: [FormatCapability]
    private let security: MediaSecurity?

    init(formats: [FormatCapability] = [.pcmu, .pcma], security: MediaSecurity? = nil) {
        self.formats = formats
        self.security = security
    }

    func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
        let port = next.withLock { port in
            defer { port += 2 }
            return port
        }
        return SimulatedMediaLeg(near.with(port: port), formats: formats, security: security)
    }
}
