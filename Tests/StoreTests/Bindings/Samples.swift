import Store

/// The bytes of a string.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A binding of user `user` to its contact `contact`, told from others of the same key by `sequence`.
func binding(
    _ user: Int, contact: Int = 0, sequence: UInt32 = 1, expires: UnixTime = UnixTime(milliseconds: .max)
) -> BindingRecord {
    let uri = bytes("sip:user\(user)@192.0.2.\(contact % 256):5060")
    // Proof: the parts are short and none of the required ones is empty.
    return BindingRecord(
        addressOfRecord: bytes("sip:user\(user)@example.com"), contactKey: uri, contact: uri,
        callID: bytes("call-\(user)@192.0.2.1"), sequenceNumber: sequence, preference: 1_000, expires: expires,
        flow: bytes("udp 192.0.2.1:5060"))!
}

/// What is stored, by key: the model that the database is compared with.
typealias Model = [BindingKey: BindingRecord]

/// Carries out one change on the model.
func apply(_ change: BindingChange, to model: inout Model) {
    switch change {
    case .upsert(let record): model[record.key] = record
    case .remove(let key): model[key] = nil
    case .removeAll(let address): model = model.filter { $0.key.addressOfRecord != address[...] }
    }
}

extension Database {
    /// All bindings that are stored, whether expired or not.
    func storedBindings() async throws -> Model {
        let collector = Collector<BindingRecord>()
        let load = try await loadBindings(validAt: UnixTime(milliseconds: .min)) { batch in
            for record in batch { collector.append(record) }
        }
        guard load.malformed == 0 else { throw StoreError(.invalidRecord, "\(load.malformed) malformed rows") }
        return Model(uniqueKeysWithValues: collector.values.map { ($0.key, $0) })
    }
}
