import Reactor
public import SIP
import SIPEndpoint
import Synchronization

/// Event state that is published to a server (RFC 3903), refreshed by itself.
public final class Publication: Sendable {
    /// What happens to a publication.
    public typealias Event = EventPublication.Event

    /// What happens, from the beginning; ends when the state was removed. One reader.
    public let events: AsyncStream<Event>
    private let lane: Lane
    private let publication: LaneBound<EventPublication>
    private let first:
        Mutex<(result: Result<Void, RequestError>?, waiter: CheckedContinuation<Result<Void, RequestError>, Never>?)>
    private let removal: Mutex<(isDone: Bool, waiters: [CheckedContinuation<Void, Never>])>

    /// Takes over a publication; on its lane.
    init(_ publication: EventPublication, lane: Lane) {
        self.lane = lane
        self.publication = LaneBound(publication, on: lane)
        first = Mutex((nil, nil))
        removal = Mutex((false, []))
        let (events, end) = AsyncStream<Event>.makeStream()
        self.events = events
        // The agent keeps the publication until it is removed, whether anybody keeps its face or not.
        publication.onEvent = { [weak self] event in
            end.yield(event)
            switch event {
            case .published: self?.began(.success(()))
            case .failed(.unreachable, _): self?.began(.failure(RequestError(status: 408, reason: "No answer came")))
            case .failed(.rejected(let status), _):
                self?.began(.failure(RequestError(status: status, reason: status.phrase)))
            case .removed:
                end.finish()
                self?.removed()
            }
        }
    }

    private func removed() {
        let waiters = removal.withLock { removal in
            removal.isDone = true
            defer { removal.waiters = [] }
            return removal.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func began(_ result: Result<Void, RequestError>) {
        let waiter: CheckedContinuation<Result<Void, RequestError>, Never>? = first.withLock { first in
            guard first.result == nil else { return nil }
            first.result = result
            defer { first.waiter = nil }
            return first.waiter
        }
        waiter?.resume(returning: result)
    }

    /// Waits for the first answer of the server.
    func published() async throws(RequestError) {
        let result: Result<Void, RequestError> = await withCheckedContinuation { continuation in
            let now: Result<Void, RequestError>? = first.withLock { first in
                if first.result == nil { first.waiter = continuation }
                return first.result
            }
            if let now { continuation.resume(returning: now) }
        }
        try result.get()
    }

    /// Publishes another state in place of the last one.
    public func modify(_ state: MessageContent) {
        let publication = publication
        lane.execute { _ in publication.value.modify(state) }
    }

    /// Nobody wants the publication: it is not tried again.
    func abandon() {
        let publication = publication
        lane.execute { _ in publication.value.remove() }
    }

    /// Takes the state away, and waits until that is done or has failed.
    public func remove() async {
        let publication = publication
        let lane = lane
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isDone = removal.withLock { removal in
                if !removal.isDone { removal.waiters.append(continuation) }
                return removal.isDone
            }
            if isDone { return continuation.resume() }
            lane.execute { _ in publication.value.remove() }
        }
    }
}

/// A request outside of any dialog, such as MESSAGE or OPTIONS, to be sent by `UserAgent.send(_:)`.
public struct OutOfDialogRequest: Sendable, Hashable {
    /// The method; any but INVITE, ACK, CANCEL, and those that have faces of their own: REGISTER, SUBSCRIBE, PUBLISH, REFER.
    public var method: Method
    /// To whom: a SIP URI, or a user of the account's domain.
    public var target: String
    /// Header fields and body.
    public var content: MessageContent

    /// A request.
    public init(_ method: Method, to target: String, _ content: MessageContent = MessageContent()) {
        self.method = method
        self.target = target
        self.content = content
    }

    /// A text message (RFC 3428).
    public static func message(_ text: String, to target: String) -> OutOfDialogRequest {
        OutOfDialogRequest(.message, to: target, MessageContent(type: "text/plain;charset=utf-8", text: text))
    }
}

/// A request of somebody else that the user agent was told to serve, to be answered once.
public final class ServerRequest: Sendable {
    private let lane: Lane
    private let request: LaneBound<InboundRequest>
    /// The request.
    public let message: Message
    /// Whether it came in a dialog.
    public let isInDialog: Bool
    /// The call in whose dialog it came; nil outside of any.
    public let call: Call?

    /// Takes over a request; on its lane.
    init(_ request: InboundRequest, lane: Lane) {
        self.lane = lane
        self.request = LaneBound(request, on: lane)
        message = request.message
        isInDialog = request.isInDialog
        call = request.call?.face
    }

    /// Who has sent it, as From says, which proves nothing by itself.
    public var sender: NameAddress? { message[.from].flatMap { try? NameAddress($0) } }

    /// Answers; later answers than the first final one are ignored.
    public func respond(_ status: StatusCode, _ content: MessageContent = MessageContent()) {
        let request = request
        lane.execute { _ in request.value.respond(status, content) }
    }
}
