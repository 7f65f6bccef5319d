import Glibc

/// A change to the stored bindings.
public enum BindingChange: Hashable, Sendable {
    /// The binding is there from now on, in place of one with the same key.
    case upsert(BindingRecord)

    /// The binding is gone.
    case remove(BindingKey)

    /// All bindings of an address of record are gone (`Contact: *`, RFC 3261 §10.2.2).
    case removeAll(addressOfRecord: [UInt8])
}

extension BindingChange {
    /// What the change is about; a later change with the same subject replaces an earlier one.
    var subject: BindingKey {
        switch self {
        case .upsert(let record): record.key
        case .remove(let key): key
        case .removeAll(let addressOfRecord): BindingKey(wholeAddress: addressOfRecord)
        }
    }
}

/// What a binding is stored under: its address of record and the key of its contact.
public struct BindingKey: Sendable {
    /// The address, then the contact's key, then whatever follows in the record it shares.
    let bytes: [UInt8]

    /// Bytes of the address of record.
    let addressCount: Int

    /// Bytes of the address and the contact's key together; equal to `addressCount` for all contacts of the address.
    let keyCount: Int

    /// Makes a key; nil when one of the two is empty, or both are longer than `BindingRecord.maximumByteCount`.
    public init?(addressOfRecord: some Collection<UInt8>, contactKey: some Collection<UInt8>) {
        guard !addressOfRecord.isEmpty, !contactKey.isEmpty,
            addressOfRecord.count + contactKey.count <= BindingRecord.maximumByteCount
        else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(addressOfRecord.count + contactKey.count)
        bytes.append(contentsOf: addressOfRecord)
        bytes.append(contentsOf: contactKey)
        self.init(sharing: bytes, addressCount: addressOfRecord.count, keyCount: bytes.count)
    }

    /// Takes the key at the start of a record's bytes, without copying them.
    init(sharing bytes: [UInt8], addressCount: Int, keyCount: Int) {
        self.bytes = bytes
        self.addressCount = addressCount
        self.keyCount = keyCount
    }

    /// Stands for all contacts of an address.
    init(wholeAddress: [UInt8]) {
        self.init(sharing: wholeAddress, addressCount: wholeAddress.count, keyCount: wholeAddress.count)
    }

    /// The canonical address of record.
    public var addressOfRecord: ArraySlice<UInt8> { bytes[..<addressCount] }

    /// What tells the contact from the others of the address.
    public var contactKey: ArraySlice<UInt8> { bytes[addressCount..<keyCount] }
}

extension BindingKey: Hashable {
    public static func == (left: BindingKey, right: BindingKey) -> Bool {
        guard left.addressCount == right.addressCount, left.keyCount == right.keyCount else { return false }
        return memcmp(left.bytes, right.bytes, left.keyCount) == 0
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(addressCount)
        bytes.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[..<keyCount])) }
    }
}
