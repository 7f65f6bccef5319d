import Reactor

/// What ends of tests say of themselves.
enum Descriptions {
    /// Of a host that is behind an address translator.
    static func behindNAT(_ lines: [String]) -> String {
        (["v=0", "o=- 1 1 IN IP4 192.168.77.1", "s=-", "c=IN IP4 192.168.77.1", "t=0 0"] + lines)
            .map { $0 + "\r\n" }.joined()
    }

    /// Of an end that checks its ways.
    static func audio(_ end: CheckingEnd, _ further: [String] = ["a=rtcp-mux"]) -> String {
        behindNAT(["m=audio \(end.wire.address.port) RTP/AVP 0"] + end.lines + further)
    }

    /// Of one without a part in ICE, in the clear.
    static func plain(_ wire: Wire) -> String {
        Exchange.description("127.0.0.1", "m=audio \(wire.address.port) RTP/AVP 0", "a=rtcp-mux")
    }
}
