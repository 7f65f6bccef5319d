import SIP

/// Messages of a call from Alice to Bob, with the parts that dialogs are made of.
enum DialogMessages {
    static func lines(_ name: String, _ values: [String]) -> String {
        values.map { "\(name): \($0)\r\n" }.joined()
    }

    /// A request from Alice.
    static func request(
        _ method: String = "INVITE", uri: String = "sip:bob@example.com", sequence: Int = 314,
        fromTag: String? = "alice", toTag: String? = nil, callID: String = "call-1",
        contact: String? = "<sip:alice@10.0.0.1>", recordRoute: [String] = [], extra: String = ""
    ) throws -> Message {
        try Message(
            "\(method) \(uri) SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                + lines("Record-Route", recordRoute)
                + "From: \"Alice\" <sip:alice@example.com>\(fromTag.map { ";tag=\($0)" } ?? "")\r\n"
                + "To: <sip:bob@example.com>\(toTag.map { ";tag=\($0)" } ?? "")\r\n"
                + "Call-ID: \(callID)\r\nCSeq: \(sequence) \(method)\r\n"
                + (contact.map { "Contact: \($0)\r\n" } ?? "") + extra + "Content-Length: 0\r\n\r\n")
    }

    /// A response to Alice's INVITE, or to another request of hers.
    static func response(
        _ status: Int, toTag: String? = "bob", contact: String? = "<sip:bob@10.0.0.2>", recordRoute: [String] = [],
        sequence: Int = 314, method: String = "INVITE", extra: String = ""
    ) throws -> Message {
        try Message(
            "SIP/2.0 \(status) X\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n" + lines("Record-Route", recordRoute)
                + "From: \"Alice\" <sip:alice@example.com>;tag=alice\r\n"
                + "To: <sip:bob@example.com>\(toTag.map { ";tag=\($0)" } ?? "")\r\n"
                + "Call-ID: call-1\r\nCSeq: \(sequence) \(method)\r\n" + (contact.map { "Contact: \($0)\r\n" } ?? "")
                + extra + "Content-Length: 0\r\n\r\n")
    }

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
