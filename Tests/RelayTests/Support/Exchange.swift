import Reactor
import Routing
import SIP
import SIPEndpoint

@testable import Relay

/// Messages of a call as a proxy would show them to the anchor of its lane.
struct Exchange {
    let anchor: CallAnchor
    var callID = "call"
    var callerTag = "a"
    var calleeTag = "b"
    var mode = MediaMode.anchor
    var encryption = MediaLegEncryption.pass
    var arrival = Self.flow("127.0.0.1:5062")
    var departure = Self.flow("127.0.0.1:5064")
    /// Further header lines of the messages to come.
    var headers: [String] = []
    /// What the bodies to come are.
    var contentType = "application/sdp"

    /// What media lanes have to tell the anchor, which hears of it when the test says so.
    let post = Post()

    init(_ relay: MediaRelay) { anchor = CallAnchor(relay) { [post] work in post.add(work) } }

    static func flow(_ remote: String, transport: TransportName = .udp) -> Flow {
        let far = address(remote)
        return Flow(
            transport: transport, listener: 0, local: .loopback(far.family, port: 5_060), remote: far)
    }

    /// The description of an end: lines of media, each with its port.
    static func description(_ host: String = "127.0.0.1", _ media: String...) -> String {
        let family = host.contains(":") ? "IP6" : "IP4"
        return (["v=0", "o=- 1 1 IN \(family) \(host)", "s=-", "c=IN \(family) \(host)", "t=0 0"] + media)
            .map { $0 + "\r\n" }.joined()
    }

    /// Shows a request; what becomes of its body.
    func request(
        _ method: String, _ sequence: Int, body: String = "", fromCallee: Bool = false, isFirst: Bool = false,
        context: UInt64 = 1, branch: Int = 0, via: String = "127.0.0.1:5062"
    ) throws -> AnchoredBody {
        let message = try message(method, sequence, body, fromCallee, isFirst, via)
        let passage = passage(context: context, branch: branch, fromCallee: fromCallee)
        return message.withView { anchor.forwards($0, passage) }
    }

    /// The way of a request.
    func passage(context: UInt64 = 1, branch: Int = 0, fromCallee: Bool = false) -> MediaPassage {
        var passage = MediaPassage(
            context: context, branch: branch, arrival: fromCallee ? departure : arrival,
            departure: fromCallee ? arrival : departure, leadsBehindNAT: false, mode: mode)
        passage.encryption = encryption
        return passage
    }

    /// Shows the response to a request.
    func response(
        _ status: Int, _ method: String, _ sequence: Int, body: String = "", fromCallee: Bool = false,
        context: UInt64 = 1, branch: Int = 0, tag: String? = nil
    ) throws -> AnchoredBody {
        try reply(status, method, sequence, body: body, fromCallee: fromCallee, tag: tag).withView {
            anchor.passes($0, context: context, branch: branch)
        }
    }

    /// The response to a request.
    func reply(
        _ status: Int, _ method: String, _ sequence: Int, body: String = "", fromCallee: Bool = false,
        tag: String? = nil
    ) throws -> Message {
        let (from, to) = fromCallee ? (calleeTag, callerTag) : (callerTag, tag ?? calleeTag)
        let text =
            """
            SIP/2.0 \(status) Text\r
            Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r
            From: <sip:alice@localhost>;tag=\(from)\r
            To: <sip:bob@localhost>;tag=\(to)\r
            Call-ID: \(callID)\r
            CSeq: \(sequence) \(method)\r
            \(headers.map { $0 + "\r\n" }.joined())\(head(of: body))
            """
        return try Message(text)
    }

    /// Says that a request has its final response.
    func conclude(
        _ method: String, _ sequence: Int, _ status: StatusCode, fromCallee: Bool = false, isFirst: Bool = false,
        context: UInt64 = 1
    ) throws {
        let message = try message(method, sequence, "", fromCallee, isFirst)
        message.withView { anchor.concluded($0, status, context: context) }
    }

    /// A request.
    func message(
        _ method: String, _ sequence: Int, _ body: String = "", _ fromCallee: Bool = false, _ isFirst: Bool = false,
        _ via: String = "127.0.0.1:5062"
    ) throws -> Message {
        let (from, to) = fromCallee ? (calleeTag, callerTag) : (callerTag, calleeTag)
        return try Message(
            """
            \(method) sip:bob@localhost SIP/2.0\r
            Via: SIP/2.0/UDP \(via);branch=z9hG4bK1\r
            From: <sip:alice@localhost>;tag=\(from)\r
            To: <sip:bob@localhost>\(isFirst ? "" : ";tag=\(to)")\r
            Call-ID: \(callID)\r
            CSeq: \(sequence) \(method)\r
            \(headers.map { $0 + "\r\n" }.joined())\(head(of: body))
            """)
    }

    private func head(of body: String) -> String {
        body.isEmpty
            ? "Content-Length: 0\r\n\r\n"
            : "Content-Type: \(contentType)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}
