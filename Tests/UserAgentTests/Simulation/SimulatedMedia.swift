import Media
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

    init(_ localAddress: TransportAddress, formats: [FormatCapability], security: MediaSecurity?) {
        self.security = security
        address = Mutex(localAddress)
        self.formats = formats
    }

    var localAddress: TransportAddress { address.withLock { $0 } }

    var capabilities: MediaCapabilities {
        let address = localAddress
        return .audio(address: ConnectionAddress(address), port: address.port, formats: formats)
    }

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
