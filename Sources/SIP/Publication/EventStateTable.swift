/// The event state that is published to a server, by resource and package (RFC 3903 §6): an event state compositor without its
/// composing, which is the packages'.
///
/// A value without timers: ``expire(at:)`` is to be called from time to time, and states that are over are given to nobody.
public struct EventStateTable: Sendable {
    /// What is granted, and how much is kept.
    public struct Configuration: Hashable, Sendable {
        /// The duration of a state whose PUBLISH asks for none: 1 hour.
        public var usualExpires = Duration.seconds(3_600)
        /// The shortest that is granted; less gets 423: 60 s.
        public var leastExpires = Duration.seconds(60)
        /// The longest that is granted: 1 day.
        public var longestExpires = Duration.seconds(86_400)
        /// The most states of one resource and package: 32.
        public var mostStates = 32
        /// The largest body: 64 kB.
        public var largestBody = 65_536

        /// The defaults.
        public init() {}
    }

    /// What states belong to.
    public struct Resource: Hashable, Sendable {
        /// The resource, as its owner names it: the canonical address of record of the Request-URI.
        public var name: String
        /// The event package.
        public var package: String

        /// A resource in a package.
        public init(_ name: String, package: String) {
            self.name = name
            self.package = package
        }
    }

    /// One state.
    public struct Entry: Hashable, Sendable {
        /// Its name, new with each change.
        public var entityTag: String
        /// The media type of the body.
        public var type: String
        /// The state.
        public var body: [UInt8]
        /// When it ends.
        public var expiresAt: ContinuousClock.Instant
    }

    /// What a PUBLISH gets.
    public enum Outcome: Hashable, Sendable {
        /// 200 with SIP-ETag and Expires; `hasChanged` when the states of the resource are others now.
        case accepted(entityTag: String, expires: Duration, hasChanged: Bool)
        /// A refusal, with Min-Expires when it is 423.
        case refused(StatusCode, minimum: Duration?)
    }

    /// What is granted.
    public let configuration: Configuration
    private var entries: [Resource: [Entry]] = [:]

    /// An empty table.
    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// How many states there are, ended ones that were not looked at too.
    public var count: Int { entries.values.reduce(0) { $0 + $1.count } }

    /// The states of a resource, in the order of their first publication.
    public func states(of resource: Resource, at now: ContinuousClock.Instant) -> [Entry] {
        entries[resource, default: []].filter { $0.expiresAt > now }
    }

    /// Takes a PUBLISH, whose package was found to be supported and its sender allowed (RFC 3903 §6, steps 3 to 6).
    ///
    /// - Parameters:
    ///   - request: the PUBLISH.
    ///   - resource: what it is about.
    ///   - entityTag: a name that was never used before, and that nobody can guess.
    ///   - now: the time.
    public mutating func publish(
        _ request: MessageView, to resource: Resource, entityTag: String, at now: ContinuousClock.Instant
    ) -> Outcome {
        drop(resource, at: now)
        let hasCondition = request.firstIndex(of: .sipIfMatch) != nil
        let place: Int?
        if hasCondition {
            guard let tag = Self.onlyTag(of: request) else { return .refused(400, minimum: nil) }
            place = entries[resource]?.firstIndex { $0.entityTag == tag }
            guard place != nil else { return .refused(412, minimum: nil) }
        } else {
            place = nil
        }
        let requested: Duration
        do throws(MessageDefect) {
            requested = try request.expires.map { .seconds($0) } ?? configuration.usualExpires
        } catch {
            return .refused(400, minimum: nil)
        }
        if requested > .zero, requested < configuration.leastExpires {
            return .refused(423, minimum: configuration.leastExpires)
        }
        let expires = min(requested, configuration.longestExpires)
        let body = request.array(request.body)
        guard body.count <= configuration.largestBody else { return .refused(413, minimum: nil) }
        let type = request.value(of: .contentType).map { request.text($0) } ?? ""
        guard let place else {
            guard !body.isEmpty else { return .refused(400, minimum: nil) }
            return add(
                Entry(entityTag: entityTag, type: type, body: body, expiresAt: now + expires), to: resource, expires)
        }
        return change(place, of: resource, type, body, entityTag, expires, now)
    }

    private mutating func add(_ entry: Entry, to resource: Resource, _ expires: Duration) -> Outcome {
        guard entries[resource, default: []].count < configuration.mostStates else {
            return .refused(503, minimum: nil)
        }
        // A duration of zero leaves nothing behind (RFC 3903 §6, step 5).
        if expires > .zero { entries[resource, default: []].append(entry) }
        return .accepted(entityTag: entry.entityTag, expires: expires, hasChanged: expires > .zero)
    }

    private mutating func change(
        _ place: Int, of resource: Resource, _ type: String, _ body: [UInt8], _ entityTag: String, _ expires: Duration,
        _ now: ContinuousClock.Instant
    ) -> Outcome {
        guard expires > .zero else {
            entries[resource]?.remove(at: place)
            if entries[resource]?.isEmpty == true { entries[resource] = nil }
            return .accepted(entityTag: entityTag, expires: .zero, hasChanged: true)
        }
        entries[resource]?[place].entityTag = entityTag
        entries[resource]?[place].expiresAt = now + expires
        guard !body.isEmpty else { return .accepted(entityTag: entityTag, expires: expires, hasChanged: false) }
        entries[resource]?[place].type = type
        entries[resource]?[place].body = body
        return .accepted(entityTag: entityTag, expires: expires, hasChanged: true)
    }

    /// Drops all states that are over; returns the resources that have lost some.
    public mutating func expire(at now: ContinuousClock.Instant) -> [Resource] {
        entries.keys.filter { drop($0, at: now) }
    }

    @discardableResult
    private mutating func drop(_ resource: Resource, at now: ContinuousClock.Instant) -> Bool {
        guard let known = entries[resource] else { return false }
        let left = known.filter { $0.expiresAt > now }
        guard left.count < known.count else { return false }
        entries[resource] = left.isEmpty ? nil : left
        return true
    }

    /// The only entity tag in SIP-If-Match; nil when there is none, or more than one.
    private static func onlyTag(of request: MessageView) -> String? {
        guard request.fieldCount(of: .sipIfMatch) == 1, let value = request.value(of: .sipIfMatch) else { return nil }
        let text = request.text(value)
        let isToken = !text.isEmpty && text.utf8.allSatisfy { ByteClass.token.contains($0) }
        return isToken ? text : nil
    }
}
