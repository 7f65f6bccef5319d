import NIOCore
import NIOSSL

/// How a connection is secured, and whether messages come by WebSocket.
struct StreamStages: Sendable {
    var security = StreamSecurity.plain
    var webSocket: WebSocketContext?
}

/// How a connection is secured.
enum StreamSecurity: Sendable {
    /// Not at all.
    case plain
    /// We are the server.
    case accepting(TLSContext)
    /// We are the client, and the server must prove a domain.
    case proving(TLSContext, domain: String)
}

/// What accepted and made connections have in common.
struct StreamEndpoint: Sendable {
    let configuration: StreamConfiguration
    let makeFramer: @Sendable () -> any StreamFramer
    let handler: any StreamHandler
    let counters: StreamCounters

    /// Puts the stages of a connection into its pipeline. TLS and WebSocket go in front of the framing.
    func configure(_ channel: any Channel, _ connection: StreamConnection, _ stages: StreamStages) throws {
        connection.attach(channel)
        let pipeline = channel.pipeline.syncOperations
        var opening = StreamOpening()
        switch stages.security {
        case .plain: break
        case .accepting(let context):
            let (handler, asksClient) = try context.serverHandler()
            opening.steps.insert(.handshake)
            opening.readsNames = asksClient
            try pipeline.addHandler(handler)
        case .proving(let context, let domain):
            opening.steps.insert(.handshake)
            opening.readsNames = true
            opening.domain = domain
            try pipeline.addHandler(context.clientHandler(domain: domain))
        }
        if let context = stages.webSocket {
            opening.steps.insert(.upgrade)
            try WebSocketUpgradeHandler.add(to: pipeline, connection, context)
        }
        try pipeline.addHandler(StreamChannelHandler(connection, makeFramer(), opening))
    }
}

/// What must come before a connection is open for its owner.
struct StreamOpening {
    struct Steps: OptionSet {
        let rawValue: UInt8

        /// The handshake of TLS.
        static let handshake = Steps(rawValue: 1)
        /// The handshake of WebSocket.
        static let upgrade = Steps(rawValue: 2)
    }

    /// What has not come yet.
    var steps: Steps = []
    /// The domain that the peer must prove, when it is a server.
    var domain: String?
    /// Whether the peer's certificate, if it has one, was verified.
    var readsNames = false
}
