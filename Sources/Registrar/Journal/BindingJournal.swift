/// Where changes of bindings go to outlive a restart; the server implements it with `Store`.
///
/// It is called from any lane, in the order in which the changes of an address of record took place, without any lock
/// held, and must only take note: what it is lent is valid until it returns.
public protocol BindingJournal: AnyObject, Sendable {
    /// Whether so much waits to be written that new bindings are better put off; asked once for each request.
    var isLagging: Bool { get }

    /// The age of the oldest change that is not yet safe.
    var lag: Duration { get }

    /// A binding is there, in place of one with the same address of record and key.
    ///
    /// - Returns: false when there is no room. The change is offered again later, and until it was taken those who want
    ///   more changes get 503.
    func upsert(_ record: JournalRecord) -> Bool

    /// A binding is gone; false when there is no room.
    func remove(addressOfRecord: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Bool

    /// All bindings of an address of record are gone; false when there is no room.
    func removeAll(addressOfRecord: UnsafeRawBufferPointer) -> Bool
}

/// A binding on its way to the journal or back from it. It borrows the bytes it names.
public struct JournalRecord {
    /// The address of record in canonical form, `sip:user@domain`: user without escapes, domain in small letters
    /// (RFC 3261 §10.3 step 5). The last `@` ends the user.
    public var addressOfRecord: UnsafeRawBufferPointer
    /// With the address of record it names the binding: the contact, or for a flow its instance and number, since flows of
    /// one instance may have one contact (RFC 5626 §6). It is not read when a record is loaded.
    public var key: UnsafeRawBufferPointer
    /// The contact URI as the user agent wrote it.
    public var contact: UnsafeRawBufferPointer
    /// The other parameters of the contact, each with its `;`: all but `q` and `expires`.
    public var parameters: UnsafeRawBufferPointer
    /// The Call-ID of the request that set the binding.
    public var callID: UnsafeRawBufferPointer
    /// The number of its CSeq.
    public var sequenceNumber: UInt32
    /// The `q` of the contact in thousandths, 0 to 1,000; nil when none was given, which counts as 1,000.
    public var preference: UInt16?
    /// When the binding ends.
    public var expires: WallTime
    /// The Path of the request, as a comma-separated list; empty when it had none (RFC 3327).
    public var path: UnsafeRawBufferPointer
    /// The way the request came and whether it came through a NAT, in a form of the registrar's; empty when of no use.
    public var flow: UnsafeRawBufferPointer

    public init(
        addressOfRecord: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer? = nil, contact: UnsafeRawBufferPointer,
        parameters: UnsafeRawBufferPointer, callID: UnsafeRawBufferPointer, sequenceNumber: UInt32, preference: UInt16?,
        expires: WallTime, path: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        flow: UnsafeRawBufferPointer
    ) {
        self.addressOfRecord = addressOfRecord
        self.key = key ?? contact
        self.contact = contact
        self.parameters = parameters
        self.callID = callID
        self.sequenceNumber = sequenceNumber
        self.preference = preference
        self.expires = expires
        self.path = path
        self.flow = flow
    }
}
