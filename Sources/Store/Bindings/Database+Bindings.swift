import GRDB

/// What `Database.loadBindings` found.
public struct BindingLoad: Hashable, Sendable {
    /// Bindings handed over.
    public var loaded = 0

    /// Bindings that had expired and were passed over.
    public var expired = 0

    /// Rows that hold no valid binding (edited from outside) and were passed over.
    public var malformed = 0
}

extension Database {
    /// The most rows that `purgeExpiredBindings` looks through in one transaction, so that commits get between.
    static let purgeStep = 20_000

    /// Reads all bindings that have not expired from one snapshot, at start, in batches; those of one address come one
    /// after another.
    ///
    /// Changes enqueued meanwhile are not in the snapshot: what the caller has in memory by then is newer than a record
    /// with the same key that comes from here.
    ///
    /// - Parameters:
    ///   - now: The wall-clock time that expiry is compared with.
    ///   - batchSize: The most records in a batch.
    ///   - receive: Called with each batch, on a thread of the database; the next rows are read when it returns.
    public func loadBindings(
        validAt now: UnixTime, batchSize: Int = 2_048, _ receive: @Sendable ([BindingRecord]) -> Void
    ) async throws(StoreError) -> BindingLoad {
        try await read { database in
            let rows = try PreparedStatement(
                """
                SELECT aor, contact_key, contact, call_id, instance, path, user_agent, parameters, flow, cseq, q,
                    expires_at, reg_id
                FROM binding
                """, in: database)
            defer { rows.reset() }
            var result = BindingLoad()
            var batch: [BindingRecord] = []
            batch.reserveCapacity(batchSize)
            while try rows.next() {
                if rows.integer(11) <= now.milliseconds {
                    result.expired += 1
                } else if let record = BindingRecord(row: rows) {
                    batch.append(record)
                    result.loaded += 1
                } else {
                    result.malformed += 1
                }
                if batch.count >= max(batchSize, 1) {
                    receive(batch)
                    batch.removeAll(keepingCapacity: true)
                    try Task.checkCancellation()
                }
            }
            if !batch.isEmpty { receive(batch) }
            return result
        }
    }

    /// Removes the bindings that have expired, in short transactions one after another.
    ///
    /// - Returns: how many there were.
    @discardableResult
    public func purgeExpiredBindings(at now: UnixTime) async throws(StoreError) -> Int {
        var removed = 0
        var lower: [UInt8]? = []
        while let start = lower {
            let (count, end) = try await write { database in
                try Self.purge(after: start, at: now, in: database)
            }
            removed += count
            lower = end
        }
        return removed
    }

    /// Removes the expired bindings of the addresses after `start` within one step; gives their number and where to go on.
    private static func purge(
        after start: [UInt8], at now: UnixTime, in database: GRDB.Database
    ) throws -> (Int, [UInt8]?) {
        let bound = try PreparedStatement(
            "SELECT aor FROM binding WHERE aor > ? ORDER BY aor LIMIT 1 OFFSET \(purgeStep)", in: database)
        let end: [UInt8]? = try start.withUnsafeBytes { bytes in
            bound.bind(bytes, at: 1)
            defer { bound.reset() }
            return try bound.next() ? Array(bound.bytes(0)) : nil
        }
        let delete = try PreparedStatement(
            "DELETE FROM binding WHERE expires_at <= ?1 AND aor > ?2" + (end == nil ? "" : " AND aor <= ?3"),
            in: database)
        try start.withUnsafeBytes { start in
            delete.bind(now.milliseconds, at: 1)
            delete.bind(start, at: 2)
            guard let end else { return try delete.run() }
            try end.withUnsafeBytes { end in
                delete.bind(end, at: 3)
                try delete.run()
            }
        }
        return (database.changesCount, end)
    }

    /// Carries out changes in order, in one transaction, while the calling thread waits.
    func commit(_ changes: PendingChanges) throws(StoreError) {
        try writeAndWait { database in
            let statements = try BindingStatements(database)
            try changes.forEach { try statements.apply($0) }
        }
    }
}

extension BindingRecord {
    /// Copies a row whose columns are the fields in their order and then the numbers; nil when it is no valid binding.
    fileprivate init?(row: PreparedStatement) {
        guard let sequenceNumber = UInt32(exactly: row.integer(9)), let preference = UInt16(exactly: row.integer(10))
        else { return nil }
        var registrationID: UInt32?
        if !row.isNull(12) {
            guard let number = UInt32(exactly: row.integer(12)) else { return nil }
            registrationID = number
        }
        self.init(
            addressOfRecord: row.bytes(0).span, contactKey: row.bytes(1).span, contact: row.bytes(2).span,
            callID: row.bytes(3).span, sequenceNumber: sequenceNumber, preference: preference,
            expires: UnixTime(milliseconds: row.integer(11)), instance: row.bytes(4).span,
            registrationID: registrationID, path: row.bytes(5).span, userAgent: row.bytes(6).span,
            parameters: row.bytes(7).span, flow: row.bytes(8).span)
    }
}
