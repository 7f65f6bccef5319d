import Reactor
import SDP
import Synchronization

@testable import UserAgent

/// Media that remembers what it was told.
final class SimulatedMediaLeg: MediaLeg {
    private let address: Mutex<TransportAddress>
    private let formats: [FormatCapability]
    private let record = Mutex<(streams: [NegotiatedStream], isStopped: Bool)>(([], false))

    init(_ localAddress: TransportAddress, formats: [FormatCapability]) {
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

    func apply(_ stream: NegotiatedStream, onFailure: @escaping @Sendable (SocketError) -> Void) {
        record.withLock { $0.streams.append(stream) }
    }

    func stop() { record.withLock { $0.isStopped = true } }

    /// All that was agreed, in order.
    var streams: [NegotiatedStream] { record.withLock { $0.streams } }

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

    init(formats: [FormatCapability] = [.pcmu, .pcma]) { self.formats = formats }

    func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg {
        let port = next.withLock { port in
            defer { port += 2 }
            return port
        }
        return SimulatedMediaLeg(near.with(port: port), formats: formats)
    }
}
