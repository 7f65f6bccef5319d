import Media
import Reactor
import Routing
import SDP
import Testing

@testable import Relay

/// Runs a relay on a lane.
func withRelay<Result>(
    _ change: (inout RelayConfiguration) -> Void = { _ in }, _ body: (MediaRelay, Lane) async throws -> Result
) async throws -> Result {
    var configuration = RelayConfiguration()
    change(&configuration)
    let lane = try Lane(name: "relay-test")
    do {
        let result = try await body(MediaRelay(lanes: [lane], configuration), lane)
        lane.stop()
        await lane.stopped()
        return result
    } catch {
        lane.stop()
        await lane.stopped()
        throw error
    }
}

/// The description that a message goes on with.
func read(_ body: AnchoredBody) throws -> SessionDescription {
    guard case .replaced(let bytes) = body else { throw NotReplaced(body: body) }
    return try SessionDescription(parsing: bytes)
}

private struct NotReplaced: Error {
    let body: AnchoredBody
}

/// Where an end is told to send a stream.
func target(_ description: SessionDescription, _ index: Int = 0) throws -> TransportAddress {
    let media = description.media[index]
    let address = try #require(description.connection(of: media)?.address)
    return try #require(address.transportAddress(port: media.port))
}
