import GRDB

/// The statements that carry out binding changes inside one transaction.
struct BindingStatements {
    private let upsert: PreparedStatement
    private let remove: PreparedStatement
    private let removeAll: PreparedStatement

    init(_ database: GRDB.Database) throws {
        upsert = try PreparedStatement(
            """
            INSERT OR REPLACE INTO binding (aor, contact_key, contact, call_id, instance, path, user_agent, parameters,
                flow, cseq, q, expires_at, reg_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, in: database)
        remove = try PreparedStatement("DELETE FROM binding WHERE aor = ? AND contact_key = ?", in: database)
        removeAll = try PreparedStatement("DELETE FROM binding WHERE aor = ?", in: database)
    }

    /// Carries out one change.
    func apply(_ change: BindingChange) throws {
        switch change {
        case .upsert(let record): try apply(record)
        case .remove(let key):
            try key.bytes.withUnsafeBytes { bytes in
                remove.bind(UnsafeRawBufferPointer(rebasing: bytes[..<key.addressCount]), at: 1)
                remove.bind(UnsafeRawBufferPointer(rebasing: bytes[key.addressCount..<key.keyCount]), at: 2)
                try remove.run()
            }
        case .removeAll(let addressOfRecord):
            try addressOfRecord.withUnsafeBytes { bytes in
                removeAll.bind(bytes, at: 1)
                try removeAll.run()
            }
        }
    }

    private func apply(_ record: BindingRecord) throws {
        try record.bytes.withUnsafeBytes { bytes in
            for field in BindingRecord.Field.allCases {
                upsert.bind(
                    UnsafeRawBufferPointer(rebasing: bytes[record.range(of: field)]), at: Int32(field.rawValue + 1))
            }
            upsert.bind(Int64(record.sequenceNumber), at: 10)
            upsert.bind(Int64(record.preference), at: 11)
            upsert.bind(record.expires.milliseconds, at: 12)
            if let registrationID = record.registrationID {
                upsert.bind(Int64(registrationID), at: 13)
            } else {
                upsert.bindNull(at: 13)
            }
            try upsert.run()
        }
    }
}
