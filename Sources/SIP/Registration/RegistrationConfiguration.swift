/// What a user agent registers, where, and how patiently.
public struct RegistrationConfiguration: Sendable {
    /// The address of record, which becomes To and From (RFC 3261 §10.2).
    public var addressOfRecord: URI

    /// The name shown with the address of record, or nil.
    public var displayName: String?

    /// The Request-URI: the domain of the location service (RFC 3261 §10.2, §10.2.6).
    public var registrar: URI

    /// Where calls are to go.
    public var contact: URI

    /// Parameters of the Contact value, such as `q`.
    public var contactParameters: [NameAddress.Parameter] = []

    /// What names the device (RFC 5626 §4.1); with it GRUUs are asked for (RFC 5627 §4.1). Nil names none.
    public var instance: InstanceID?

    /// What names the flow among those of the device, the same at each start (`reg-id`, RFC 5626 §4.2.1): with it, and an
    /// ``instance``, the binding is asked to be one of that flow. Nil asks for none.
    public var flowID: Int?

    /// Servers to pass on the way, such as an outbound proxy (RFC 3261 §8.1.2).
    public var route = RouteSet()

    /// How long the binding is to last: 1 hour. The registrar decides (RFC 3261 §10.2.1.1).
    public var expires = Duration.seconds(3600)

    /// The longest that a registrar may demand with 423: 1 day (RFC 3261 §10.2.8).
    public var longestExpires = Duration.seconds(86_400)

    /// The base of the wait after a failure: 30 s (RFC 5626 §4.5). It doubles with each failure in a row, but only while the contact
    /// is not bound.
    public var retryBase = Duration.seconds(30)

    /// The longest wait after a failure, and the wait after a refusal that will not soon be another: 30 minutes (RFC 5626 §4.5).
    public var longestRetry = Duration.seconds(1800)

    /// The longest Retry-After that is obeyed: 1 day.
    public var longestRetryAfter = Duration.seconds(86_400)

    /// The least time between a refresh and the end of the binding, if the binding lasts at least twice as long: 96 s, in which an
    /// attempt can time out (32 s), its wait go by (at most 60 s), and a second attempt be answered.
    public var leastRefreshLead = Duration.seconds(96)

    /// A configuration with defaults. The registrar is the domain of the address of record.
    ///
    /// - Throws: `MessageDefect` if the address of record has no host.
    public init(addressOfRecord: URI, contact: URI, displayName: String? = nil) throws(MessageDefect) {
        self.addressOfRecord = addressOfRecord
        self.contact = contact
        self.displayName = displayName
        registrar = try URI(
            scheme: addressOfRecord.scheme, host: addressOfRecord.host, port: addressOfRecord.port)
    }

    /// The time from a registration to its refresh, before a random part is taken off.
    func refreshDelay(_ expires: Duration) -> Duration {
        expires - refreshLead(expires)
    }

    /// The time that is kept between refresh and expiry: a tenth, but at least ``leastRefreshLead``, and at most half.
    func refreshLead(_ expires: Duration) -> Duration {
        min(expires / 2, max(leastRefreshLead, expires / 10))
    }
}
