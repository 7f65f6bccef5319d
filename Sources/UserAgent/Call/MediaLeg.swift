public import Media
public import Reactor
public import SDP

/// The media of one call, as its signalling sees it; safe to call from any thread.
public protocol MediaLeg: AnyObject, Sendable {
    /// Where this side receives RTP: bound before the offer or answer is written; it changes with ``move(near:)`` alone.
    var localAddress: TransportAddress { get }

    /// What this side can do; the formats in order of preference.
    var capabilities: MediaCapabilities { get }

    /// How the media is encrypted; nil for media in the clear.
    var security: MediaSecurity? { get }

    /// What it brings to connectivity checks; nil for none. It changes with ``move(near:)`` alone.
    var ice: ICEEnds? { get }

    /// Asks servers for candidates, after which ``ice`` has them; before the first description and behind each ``move(near:)``.
    ///
    /// - Parameter completion: told once, on any thread; at once where there is nobody to ask.
    func gather(_ completion: @escaping @Sendable () -> Void)

    /// What the offer and answer that ``apply(_:keys:onFailure:)`` tells of have said of connectivity checks; called before it.
    ///
    /// - Parameter terms: nil when media goes where descriptions say.
    func connect(by terms: ICETerms?)

    /// Starts, or goes on with what a new offer and answer have agreed.
    ///
    /// - Parameters:
    ///   - keys: what encrypts the media.
    ///   - onFailure: called on any thread: once when the media cannot start or be encrypted, or finds no way, since the call would be
    ///     mute; and each time that its way is lost.
    func apply(
        _ stream: NegotiatedStream, keys: MediaKeys, onFailure: @escaping @Sendable (MediaFailure) -> Void)

    /// Goes on at another local address, since this machine has moved to another network; the next offer says so.
    ///
    /// - Throws: `SocketError` when there is no port left.
    func move(near address: TransportAddress) throws(SocketError)

    /// Ends sending and receiving and gives the ports back.
    func stop()
}

extension MediaLeg {
    public var security: MediaSecurity? { nil }
    public var ice: ICEEnds? { nil }
    public func connect(by terms: ICETerms?) {}
    public func gather(_ completion: @escaping @Sendable () -> Void) { completion() }
}

/// Makes the media of calls.
public protocol MediaProvider: Sendable {
    /// Binds ports for a call.
    ///
    /// - Parameter near: the address that signalling uses: media goes by the same interface.
    /// - Throws: `SocketError` when there is no port left.
    func makeLeg(near: TransportAddress) throws(SocketError) -> any MediaLeg
}
