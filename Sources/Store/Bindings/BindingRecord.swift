/// One binding of an address of record to a contact (RFC 3261 §10.3), as kept in memory and in the database.
///
/// All byte strings lie one after another in a single array, so that a record costs one allocation and can be kept by
/// the million. An empty byte string stands for an absent one.
public struct BindingRecord: Hashable, Sendable {
    /// The most bytes that all byte strings of a record may have together.
    public static let maximumByteCount = 65_535

    /// The highest `preference`: q=1.
    public static let maximumPreference: UInt16 = 1_000

    /// The byte strings in the order of `Field`.
    let bytes: [UInt8]

    /// Where each byte string but the last ends.
    private let ends: SIMD8<UInt16>

    /// When the binding expires.
    public let expires: UnixTime

    /// The CSeq number of the request that set it; a later request of its Call-ID must have a higher one
    /// (RFC 3261 §10.3 step 7).
    public let sequenceNumber: UInt32

    /// The flow's number among those of the instance (`reg-id`, RFC 5626 §4.2); nil when the contact has none.
    public let registrationID: UInt32?

    /// The q value of the contact in thousandths, 0 to 1,000 (RFC 3261 §20.10).
    public let preference: UInt16

    /// The byte strings of a record in the order in which they are stored.
    enum Field: Int, CaseIterable {
        case addressOfRecord, contactKey, contact, callID, instance, path, userAgent, parameters, flow
    }

    /// Makes a record from byte strings that lie anywhere, for example in a message.
    ///
    /// - Parameters:
    ///   - addressOfRecord: The canonical address of record; not empty.
    ///   - contactKey: What tells the contacts of an address apart: the canonical URI, or the instance with its
    ///     `reg-id` (RFC 5626 §6); not empty.
    ///   - contact: The contact URI as it was given; stored once when it equals the key.
    ///   - callID: The Call-ID of the request that set the binding.
    ///   - sequenceNumber: The number of its CSeq.
    ///   - preference: The q value in thousandths.
    ///   - expires: When the binding expires.
    ///   - instance: The `+sip.instance` parameter's value (RFC 5626 §4.1).
    ///   - registrationID: The `reg-id` parameter's value.
    ///   - path: The Path of the request, as a comma-separated list (RFC 3327).
    ///   - userAgent: The User-Agent of the request.
    ///   - parameters: All parameters of the contact as they were given.
    ///   - flow: Where the request came from (address, port, transport) and which listener took it, in a form of the
    ///     caller's.
    /// - Returns: nil when the address or the key is empty, the preference is over 1,000, or the byte strings together
    ///   are longer than `maximumByteCount`.
    public init?(
        addressOfRecord: Span<UInt8>, contactKey: Span<UInt8>, contact: Span<UInt8>, callID: Span<UInt8>,
        sequenceNumber: UInt32, preference: UInt16, expires: UnixTime, instance: Span<UInt8> = Span(),
        registrationID: UInt32? = nil, path: Span<UInt8> = Span(), userAgent: Span<UInt8> = Span(),
        parameters: Span<UInt8> = Span(), flow: Span<UInt8> = Span()
    ) {
        guard !addressOfRecord.isEmpty, !contactKey.isEmpty, preference <= Self.maximumPreference else { return nil }
        let total =
            addressOfRecord.count + contactKey.count + contact.count + callID.count + instance.count + path.count
            + userAgent.count + parameters.count + flow.count
        guard total <= Self.maximumByteCount else { return nil }
        var packing = Packing(capacity: total)
        packing.append(addressOfRecord)
        packing.append(contactKey)
        packing.append(contact.isEqual(to: contactKey) ? Span() : contact)
        packing.append(callID)
        packing.append(instance)
        packing.append(path)
        packing.append(userAgent)
        packing.append(parameters)
        packing.append(flow)
        bytes = packing.bytes
        ends = packing.ends
        self.sequenceNumber = sequenceNumber
        self.preference = preference
        self.expires = expires
        self.registrationID = registrationID
    }

    /// Makes a record from arrays; see the other initialiser for the parameters.
    public init?(
        addressOfRecord: [UInt8], contactKey: [UInt8], contact: [UInt8], callID: [UInt8], sequenceNumber: UInt32,
        preference: UInt16, expires: UnixTime, instance: [UInt8] = [], registrationID: UInt32? = nil,
        path: [UInt8] = [], userAgent: [UInt8] = [], parameters: [UInt8] = [], flow: [UInt8] = []
    ) {
        self.init(
            addressOfRecord: addressOfRecord.span, contactKey: contactKey.span, contact: contact.span,
            callID: callID.span, sequenceNumber: sequenceNumber, preference: preference, expires: expires,
            instance: instance.span, registrationID: registrationID, path: path.span, userAgent: userAgent.span,
            parameters: parameters.span, flow: flow.span)
    }

    /// Where a byte string lies in `bytes`.
    func range(of field: Field) -> Range<Int> {
        let index = field.rawValue
        let start = index == 0 ? 0 : Int(ends[index - 1])
        return start..<(index == Field.flow.rawValue ? bytes.count : Int(ends[index]))
    }
}

extension BindingRecord {
    /// The canonical address of record.
    public var addressOfRecord: ArraySlice<UInt8> { bytes[range(of: .addressOfRecord)] }

    /// What tells this contact of the address from the others.
    public var contactKey: ArraySlice<UInt8> { bytes[range(of: .contactKey)] }

    /// The contact URI as it was given.
    public var contact: ArraySlice<UInt8> {
        let range = range(of: .contact)
        return range.isEmpty ? contactKey : bytes[range]
    }

    /// The Call-ID of the request that set the binding.
    public var callID: ArraySlice<UInt8> { bytes[range(of: .callID)] }

    /// The `+sip.instance` parameter's value; empty when the contact has none.
    public var instance: ArraySlice<UInt8> { bytes[range(of: .instance)] }

    /// The Path of the request that set the binding; empty when it had none.
    public var path: ArraySlice<UInt8> { bytes[range(of: .path)] }

    /// The User-Agent of the request that set the binding; empty when it had none.
    public var userAgent: ArraySlice<UInt8> { bytes[range(of: .userAgent)] }

    /// All parameters of the contact as they were given.
    public var parameters: ArraySlice<UInt8> { bytes[range(of: .parameters)] }

    /// Where the request came from and which listener took it, in the form that the registrar chose.
    public var flow: ArraySlice<UInt8> { bytes[range(of: .flow)] }

    /// Calls `body` with a function that lends the bytes of a byte string of this record where they lie; they are valid until
    /// `body` returns.
    public func withByteStrings<Result>(
        _ body: (_ part: (ArraySlice<UInt8>) -> UnsafeRawBufferPointer) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { all in
            body { UnsafeRawBufferPointer(rebasing: all[$0.startIndex..<$0.endIndex]) }
        }
    }

    /// What the binding is stored under.
    public var key: BindingKey {
        BindingKey(sharing: bytes, addressCount: Int(ends[0]), keyCount: Int(ends[1]))
    }
}

/// Puts byte strings one after another and notes where each ends.
private struct Packing {
    var bytes: [UInt8] = []
    var ends = SIMD8<UInt16>()
    private var count = 0

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    /// The caller has checked that all together fit `BindingRecord.maximumByteCount`, and so each end fits 16 bits.
    mutating func append(_ span: Span<UInt8>) {
        span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        if count < SIMD8<UInt16>.scalarCount { ends[count] = UInt16(truncatingIfNeeded: bytes.count) }
        count += 1
    }
}

extension Span where Element == UInt8 {
    /// Whether both hold the same bytes.
    fileprivate func isEqual(to other: Span<UInt8>) -> Bool {
        withUnsafeBufferPointer { left in other.withUnsafeBufferPointer { left.elementsEqual($0) } }
    }
}
