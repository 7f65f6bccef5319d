import NIOCore
import NIOHTTP1

/// Tells the stages behind that the peer speaks WebSocket from now on.
struct WebSocketOpened: Sendable {}

/// Why a connection did not come to speak WebSocket.
struct WebSocketRefusal: Error {
    let reason: String
}

/// Answers the request that opens a WebSocket, and makes room for the frames that follow: the stages of HTTP leave the
/// pipeline, and those of WebSocket take their place in front of the framing.
final class WebSocketUpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: StreamConnection
    private let configuration: WebSocketConfiguration
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var outcome: WebSocketHandshake.Outcome?
    private var isAnswered = false

    /// Puts the stages of the handshake at the end of a pipeline.
    static func add(
        to pipeline: ChannelPipeline.SynchronousOperations, _ connection: StreamConnection, _ context: WebSocketContext
    ) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = WebSocketConfiguration.requestLimit
        limits.maxHeaderListSize = WebSocketConfiguration.requestLimit
        limits.maxHeaderFieldCount = WebSocketConfiguration.requestFieldLimit
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits),
            maximumBufferSize: WebSocketConfiguration.requestLimit)
        let handler = WebSocketUpgradeHandler(connection, context.configuration, encoder, decoder)
        try pipeline.addHandlers([encoder, decoder, handler])
    }

    private init(
        _ connection: StreamConnection, _ configuration: WebSocketConfiguration, _ encoder: HTTPResponseEncoder,
        _ decoder: ByteToMessageHandler<HTTPRequestDecoder>
    ) {
        self.connection = connection
        self.configuration = configuration
        self.encoder = encoder
        self.decoder = decoder
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswered else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): outcome = WebSocketHandshake(configuration: configuration).answer(to: head)
        case .body: break
        case .end:
            isAnswered = true
            switch outcome {
            case .accepted(let headers): accept(context, headers)
            case .refused(let status, let headers, let text): refuse(context, status, headers, text)
            case nil: break
            }
        }
    }

    private func refuse(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ text: String
    ) {
        var headers = headers
        let body = context.channel.allocator.buffer(string: text + "\n")
        headers.add(name: "Content-Type", value: "text/plain")
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        if !headers.contains(name: "Connection") { headers.add(name: "Connection", value: "close") }
        write(context, status, headers, body)
        context.fireErrorCaught(WebSocketRefusal(reason: "\(status.code): \(text)"))
    }

    private func accept(_ context: ChannelHandlerContext, _ headers: HTTPHeaders) {
        write(context, .switchingProtocols, headers, nil)
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(WebSocketMessageHandler(connection, configuration), position: .after(self))
        } catch {
            // The pipeline is gone with its channel.
            return
        }
        // What came behind the request goes to the frames: the decoder hands it on when it leaves.
        pipeline.removeHandler(context: context, promise: nil)
        pipeline.removeHandler(encoder, promise: nil)
        context.channel.pipeline.fireUserInboundEventTriggered(WebSocketOpened())
        let channel = context.channel
        pipeline.removeHandler(decoder).whenComplete { _ in
            // What was handed on came behind the end of the read.
            channel.pipeline.fireChannelReadComplete()
        }
    }

    private func write(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ body: ByteBuffer?
    ) {
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
