// targets: SIP
// sources: Sources/Reactor/Stream/WebSocket/WebSocketHandshake.swift Sources/Reactor/Stream/WebSocket/WebSocketConfiguration.swift
// packages: NIOCore NIOEmbedded NIOHTTP1 Crypto

import NIOCore
import NIOEmbedded
import NIOHTTP1

/// Keeps what a request comes to.
private final class Judge: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        for origins in [[], ["https://a.test"]] {
            var configuration = WebSocketConfiguration(subprotocol: "sip")
            configuration.origins = origins
            examine(WebSocketHandshake(configuration: configuration).answer(to: head), head, origins)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    private func examine(_ outcome: WebSocketHandshake.Outcome, _ head: HTTPRequestHead, _ origins: [String]) {
        switch outcome {
        case .accepted(let headers):
            check(head.method == .GET && head.headers["Host"].count == 1, "a request was taken that is no handshake")
            check(headers["Sec-WebSocket-Accept"].first?.utf8.count == 28, "the proof is none")
            check(headers["Sec-WebSocket-Protocol"] == ["sip"], "another protocol was agreed on")
            let named = head.headers["Origin"]
            check(origins.isEmpty || named.isEmpty || named.map { $0.lowercased() } == origins, "a stranger was let in")
        case .refused(let status, let headers, let text):
            check([400, 403, 426].contains(status.code) && !text.isEmpty, "a refusal says nothing")
            check(headers.allSatisfy { !$0.value.contains("\r") && !$0.value.contains("\n") }, "a header has line ends")
        }
    }
}

/// Reads the bytes as what comes first on a connection that is to become a WebSocket: as they are, or as the fields of a handshake that
/// is good without them. libFuzzer calls it; what it finds is a trap or a failed check.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHandshake(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeRawBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    var text = Array(bytes.dropFirst())
    if first & 1 == 1 {
        let head = """
            GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n
            """
        text = Array(head.utf8) + text + Array("\r\n\r\n".utf8)
    }
    let channel = EmbeddedChannel(handlers: [ByteToMessageHandler(HTTPRequestDecoder()), Judge()])
    // A failed read is the decoder's business.
    _ = try? channel.writeInbound(ByteBuffer(bytes: text))
    _ = try? channel.finish()
    return 0
}
