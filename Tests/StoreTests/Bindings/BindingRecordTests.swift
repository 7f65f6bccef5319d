import Store
import Testing

@Suite struct BindingRecordTests {
    @Test func givesBackWhatItWasMadeFrom() throws {
        let record = try #require(
            BindingRecord(
                addressOfRecord: bytes("sip:alice@example.com"), contactKey: bytes("key"), contact: bytes("sip:a@b"),
                callID: bytes("id"), sequenceNumber: .max, preference: 700, expires: UnixTime(milliseconds: 5),
                instance: bytes("<urn:uuid:1>"), registrationID: 3, path: bytes("<sip:p;lr>"),
                userAgent: bytes("phone"),
                parameters: bytes(";q=0.7"), flow: [0, 255]))
        #expect(Array(record.addressOfRecord) == bytes("sip:alice@example.com"))
        #expect(Array(record.contactKey) == bytes("key"))
        #expect(Array(record.contact) == bytes("sip:a@b"))
        #expect(Array(record.callID) == bytes("id"))
        #expect(Array(record.instance) == bytes("<urn:uuid:1>"))
        #expect(Array(record.path) == bytes("<sip:p;lr>"))
        #expect(Array(record.userAgent) == bytes("phone"))
        #expect(Array(record.parameters) == bytes(";q=0.7"))
        #expect(Array(record.flow) == [0, 255])
        #expect(record.sequenceNumber == .max)
        #expect(record.preference == 700)
        #expect(record.expires == UnixTime(milliseconds: 5))
        #expect(record.registrationID == 3)
    }

    @Test func aContactThatIsItsKeyIsStoredOnce() throws {
        func make(contact: String) throws -> BindingRecord {
            try #require(
                BindingRecord(
                    addressOfRecord: bytes("a"), contactKey: bytes("sip:a@b"), contact: bytes(contact), callID: [],
                    sequenceNumber: 1, preference: 0, expires: UnixTime(milliseconds: 0)))
        }
        let same = try make(contact: "sip:a@b")
        #expect(Array(same.contact) == bytes("sip:a@b"))
        #expect(same.flow.isEmpty && same.callID.isEmpty)
        #expect(try make(contact: "sip:A@b") != same)
    }

    @Test func limitsAreKept() {
        func make(address: Int = 1, key: Int = 1, flow: Int = 0, preference: UInt16 = 0) -> BindingRecord? {
            BindingRecord(
                addressOfRecord: [UInt8](repeating: 1, count: address), contactKey: [UInt8](repeating: 2, count: key),
                contact: [], callID: [], sequenceNumber: 1, preference: preference,
                expires: UnixTime(milliseconds: 0), flow: [UInt8](repeating: 3, count: flow))
        }
        #expect(make(address: 0) == nil)
        #expect(make(key: 0) == nil)
        #expect(make(preference: BindingRecord.maximumPreference) != nil)
        #expect(make(preference: BindingRecord.maximumPreference + 1) == nil)
        #expect(make(flow: BindingRecord.maximumByteCount - 2)?.flow.count == BindingRecord.maximumByteCount - 2)
        #expect(make(flow: BindingRecord.maximumByteCount - 1) == nil)
        #expect(make(address: BindingRecord.maximumByteCount)?.addressOfRecord.count == nil)
    }

    @Test func keysCompareAddressAndContactApart() throws {
        let key = try #require(BindingKey(addressOfRecord: bytes("ab"), contactKey: bytes("cd")))
        #expect(key != BindingKey(addressOfRecord: bytes("abc"), contactKey: bytes("d")))
        #expect(key != BindingKey(addressOfRecord: bytes("ab"), contactKey: bytes("ce")))
        #expect(BindingKey(addressOfRecord: [], contactKey: [1]) == nil)
        #expect(BindingKey(addressOfRecord: [1], contactKey: []) == nil)
        #expect(
            BindingKey(
                addressOfRecord: [1], contactKey: [UInt8](repeating: 1, count: BindingRecord.maximumByteCount)) == nil)
        // The key that a record gives shares its bytes; what follows in them does not count.
        let record = binding(1)
        let apart = try #require(
            BindingKey(addressOfRecord: record.addressOfRecord, contactKey: record.contactKey))
        #expect(record.key == apart)
        #expect(record.key.hashValue == apart.hashValue)
    }

    @Test(arguments: [
        (0, Duration.seconds(1), 1_000), (5, .milliseconds(-7), -2), (5, .microseconds(999), 5),
        (Int64.max - 1, .seconds(1), Int64.max), (0, .seconds(Int64.max / 2), Int64.max),
        (0, .seconds(Int64.min / 2), Int64.min), (Int64.min, .seconds(-1), Int64.min),
    ])
    func timesAreAddedWithinTheirRange(start: Int64, span: Duration, expected: Int64) {
        #expect((UnixTime(milliseconds: start) + span).milliseconds == expected)
    }
}
