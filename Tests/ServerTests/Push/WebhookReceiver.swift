import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import Server

/// A small web service that takes wishes for push notifications.
final class WebhookReceiver: Sendable {
    /// What came, in order.
    let wishes: AsyncStream<WebhookSender.Body>
    let url: String
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel
    private let end: AsyncStream<WebhookSender.Body>.Continuation

    /// - Parameter status: what is answered.
    init(status: UInt = 204) async throws {
        let (wishes, end) = AsyncStream.makeStream(of: WebhookSender.Body.self)
        self.wishes = wishes
        self.end = end
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Exchange(status: status, end))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/wake?key=1"
    }

    /// The next wish.
    func next() async -> WebhookSender.Body? {
        for await wish in wishes { return wish }
        return nil
    }

    func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
        end.finish()
    }

    private final class Exchange: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let status: UInt
        private let end: AsyncStream<WebhookSender.Body>.Continuation
        private var isRight = false
        private var body = Data()

        init(status: UInt, _ end: AsyncStream<WebhookSender.Body>.Continuation) {
            self.status = status
            self.end = end
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                isRight =
                    head.method == .POST && head.uri == "/wake?key=1"
                    && head.headers.first(name: "Content-Type") == "application/json"
            case .body(let buffer): body.append(contentsOf: buffer.readableBytesView)
            case .end:
                let wish = try? JSONDecoder().decode(WebhookSender.Body.self, from: body)
                if isRight, let wish { end.yield(wish) }
                let answer = HTTPResponseHead(
                    version: .http1_1, status: HTTPResponseStatus(statusCode: isRight ? Int(status) : 400),
                    headers: ["Content-Length": "0"])
                context.write(wrapOutboundOut(.head(answer)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
