import Testing

@testable import SIPEndpoint

@Suite struct EndedConnectionsTests {
    @Test func theLastAreRemembered() {
        var ended = EndedConnections()
        let all = 0...UInt64(EndedConnections.limit)
        for connection in all { ended.note(connection, "reason \(connection)") }
        #expect(ended.reason(of: 0) == nil)
        for connection in all.dropFirst() { #expect(ended.reason(of: connection) == "reason \(connection)") }
        #expect(ended.reason(of: 1_000) == nil)
    }
}
