import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Routing
import Synchronization

/// Passes wishes for push notifications on to a web service of the operator's, which knows the credentials of Apple's, Google's and
/// other services: one POST with a JSON object for each. Any status from 200 to 299 means that it was taken.
final class WebhookSender: PushSender {
    /// The body of a request.
    struct Body: Codable, Sendable, Hashable {
        /// The type of the service (`pn-provider`).
        var provider: String
        /// What names the user agent there (`pn-prid`).
        var prid: String
        /// What else the service needs (`pn-param`).
        var param: String?
        /// `request` when one waits, `refresh` when the binding is about to end.
        var reason: String
    }

    /// Requests under way at the same time; further ones wait.
    static let concurrency = 32
    /// Requests that wait; further ones fail.
    static let queueLimit = 10_000
    /// How long one may take, from the connection to its answer.
    static let timeLimit: TimeAmount = .seconds(5)

    private struct Wish: Sendable {
        let body: Body
        let completion: @Sendable (Bool) -> Void
    }

    private struct State: Sendable {
        var running = 0
        var queue: [Wish] = []
        var isStopped = false
    }

    private let host: String
    private let port: Int
    private let path: String
    private let security: NIOSSLContext?
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let state = Mutex(State())

    /// - Parameter url: an `http` or `https` URL.
    /// - Throws: `ServerError` when it is none, or TLS cannot be set up.
    init(_ url: String) throws(ServerError) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty
        else { throw ServerError(.usage, "\(url) is no http or https URL", remedy: "set push.webhook-url") }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
        do {
            security = scheme == "https" ? try NIOSSLContext(configuration: .makeClientConfiguration()) : nil
        } catch {
            throw ServerError(.environment, "TLS for push.webhook-url cannot be set up: \(error)")
        }
    }

    func send(_ target: PushTarget, _ reason: PushReason, _ completion: @escaping @Sendable (Bool) -> Void) {
        let body = Body(
            provider: target.provider, prid: target.resourceID, param: target.parameter, reason: reason.rawValue)
        let wish = Wish(body: body, completion: completion)
        let (starts, fits) = state.withLock { state -> (Bool, Bool) in
            guard !state.isStopped else { return (false, false) }
            guard state.running >= Self.concurrency else {
                state.running += 1
                return (true, true)
            }
            guard state.queue.count < Self.queueLimit else { return (false, false) }
            state.queue.append(wish)
            return (false, true)
        }
        if starts { post(wish) } else if !fits { completion(false) }
    }

    private func post(_ wish: Wish) {
        let answer = group.next().makePromise(of: Bool.self)
        answer.futureResult.whenComplete { [self] result in
            wish.completion((try? result.get()) ?? false)
            let next = state.withLock { state -> Wish? in
                guard !state.queue.isEmpty, !state.isStopped else {
                    state.running -= 1
                    return nil
                }
                return state.queue.removeFirst()
            }
            if let next { post(next) }
        }
        guard let bytes = try? JSONEncoder().encode(wish.body) else { return answer.succeed(false) }
        let (host, path, security) = (host, path, security)
        let connected = ClientBootstrap(group: group)
            .connectTimeout(Self.timeLimit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let security {
                        // An address has no name to show (RFC 6066 §3).
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: security, serverHostname: isAddress ? nil : host))
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        WebhookExchange(host: host, path: path, body: bytes, answer: answer))
                }
            }
            .connect(host: host, port: port)
        connected.whenFailure { answer.fail($0) }
    }

    /// Ends all requests; those that wait fail.
    func stop() async {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.queue = [] }
            return state.queue
        }
        for wish in waiting { wish.completion(false) }
        try? await group.shutdownGracefully()
    }
}

/// One POST over a connection of its own.
private final class WebhookExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let host: String
    private let path: String
    private let body: Data
    private let answer: EventLoopPromise<Bool>
    private var isDone = false

    init(host: String, path: String, body: Data, answer: EventLoopPromise<Bool>) {
        self.host = host
        self.path = path
        self.body = body
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        let limit = context.eventLoop.scheduleTask(in: WebhookSender.timeLimit) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in limit.cancel() }
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path)
        head.headers = [
            "Host": host, "Content-Type": "application/json", "Content-Length": "\(body.count)", "Connection": "close",
            "User-Agent": "itodenwa",
        ]
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data), !isDone {
            isDone = true
            answer.succeed((200..<300).contains(head.status.code))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        answer.succeed(false)
    }
}
