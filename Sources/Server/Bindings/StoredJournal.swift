import Registrar
import Store

/// Where bindings outlive a restart: the write-behind queue of the database.
final class StoredJournal: BindingJournal {
    private let queue: WriteBehind

    init(_ queue: WriteBehind) { self.queue = queue }

    var isLagging: Bool { queue.isLagging }

    var lag: Duration { queue.status.lag }

    func upsert(_ record: JournalRecord) -> Bool {
        guard let stored = BindingRecord(record) else { return true }
        return queue.enqueue(.upsert(stored))
    }

    func remove(addressOfRecord: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Bool {
        guard let key = BindingKey(addressOfRecord: addressOfRecord, contactKey: key) else { return true }
        return queue.enqueue(.remove(key))
    }

    func removeAll(addressOfRecord: UnsafeRawBufferPointer) -> Bool {
        queue.enqueue(.removeAll(addressOfRecord: Array(addressOfRecord)))
    }
}

extension BindingRecord {
    /// The record of the database; nil when it holds nothing that could be stored, which the registrar never makes.
    init?(_ record: JournalRecord) {
        self.init(
            addressOfRecord: record.addressOfRecord.octets.span, contactKey: record.key.octets.span,
            contact: record.contact.octets.span, callID: record.callID.octets.span,
            sequenceNumber: record.sequenceNumber,
            preference: record.preference ?? BindingRecord.maximumPreference,
            expires: UnixTime(milliseconds: Int64(record.expires.seconds) * 1_000),
            path: record.path.octets.span,
            parameters: record.parameters.octets.span, flow: record.flow.octets.span)
    }

    /// Calls `body` with the registrar's form of the record.
    func withJournalRecord<Result>(_ body: (JournalRecord) -> Result) -> Result {
        withByteStrings { part in
            body(
                JournalRecord(
                    addressOfRecord: part(addressOfRecord), contact: part(contact), parameters: part(parameters),
                    callID: part(callID), sequenceNumber: sequenceNumber,
                    // What was given and what counts when nothing is are stored alike.
                    preference: preference == Self.maximumPreference ? nil : preference,
                    expires: WallTime(seconds: UInt32(clamping: expires.milliseconds / 1_000)), path: part(path),
                    flow: part(flow)))
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate var octets: UnsafeBufferPointer<UInt8> { bindMemory(to: UInt8.self) }
}
