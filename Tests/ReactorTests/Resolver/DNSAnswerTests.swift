import Testing

@testable import Reactor

/// Answers of DNS, made byte by byte (RFC 1035 §4.1).
@Suite struct DNSAnswerTests {
    /// A message under construction.
    struct Bytes {
        var all: [UInt8]

        /// A header with its counts, and the question `example.com IN type` at offset 12.
        init(answers: UInt16, authority: UInt16 = 0, status: UInt8 = 0, type: UInt16 = 33) {
            all = [0x12, 0x34, 0x81, 0x80 | status, 0, 1]
            for count in [answers, authority, 0] { add16(count) }
            add(name: ["Example", "COM"])
            add16(type)
            add16(1)
        }

        mutating func add16(_ value: UInt16) { all += [UInt8(value >> 8), UInt8(value & 255)] }
        mutating func add32(_ value: UInt32) {
            add16(UInt16(value >> 16))
            add16(UInt16(value & 0xFFFF))
        }
        mutating func add(name: [String]) {
            for label in name { add(string: label) }
            all.append(0)
        }
        mutating func add(string: String) { all += [UInt8(string.utf8.count)] + Array(string.utf8) }

        /// A record of the name of the question, by a pointer to it.
        mutating func add(_ type: UInt16, lifetime: UInt32, kind: UInt16 = 1, _ data: (inout Bytes) -> Void) {
            add16(0xC00C)
            add16(type)
            add16(kind)
            add32(lifetime)
            let place = all.count
            add16(0)
            data(&self)
            let length = all.count - place - 2
            all[place] = UInt8(length >> 8)
            all[place + 1] = UInt8(length & 255)
        }
    }

    private func parse(_ bytes: Bytes) throws(DNSDefect) -> DNSAnswer {
        let parsed = bytes.all.withUnsafeBytes { bytes in
            Result { () throws(DNSDefect) in try DNSAnswer(parsing: bytes) }
        }
        return try parsed.get()
    }

    @Test func serversAreRead() throws {
        var bytes = Bytes(answers: 2)
        for (priority, host) in [(10, "a"), (20, "b")] as [(UInt16, String)] {
            bytes.add(33, lifetime: UInt32(priority) * 30) { data in
                for value in [priority, 5, 5_060] { data.add16(value) }
                data.add(string: host)
                // The rest of the name by a pointer.
                data.add16(0xC00C)
            }
        }
        let answer = try parse(bytes)
        #expect(answer.status == 0)
        #expect(
            answer.records(of: "example.com").map(\.data) == [
                .srv(priority: 10, weight: 5, port: 5_060, target: "a.example.com"),
                .srv(priority: 20, weight: 5, port: 5_060, target: "b.example.com"),
            ])
        #expect(answer.lifetime(of: "example.com") == 300)
        #expect(answer.records(of: "example.org").isEmpty)
    }

    @Test func servicesAreRead() throws {
        var bytes = Bytes(answers: 1, type: 35)
        bytes.add(35, lifetime: 60) { data in
            data.add16(90)
            data.add16(50)
            for text in ["s", "SIP+D2T", ""] { data.add(string: text) }
            data.add(name: ["_sip", "_tcp", "example", "com"])
        }
        #expect(
            try parse(bytes).records.map(\.data) == [
                .naptr(
                    order: 90, preference: 50, flags: "s", service: "SIP+D2T", regularExpression: "",
                    replacement: "_sip._tcp.example.com")
            ])
    }

    @Test func anAliasLeadsOn() throws {
        var bytes = Bytes(answers: 1)
        bytes.add(5, lifetime: 10) { $0.add(name: ["sip", "example", "net"]) }
        bytes.all[7] = 2
        bytes.add(name: ["sip", "example", "net"])
        for value in [33, 1, 0, 20, 7] as [UInt16] { bytes.add16(value) }
        for value in [1, 2, 3] as [UInt16] { bytes.add16(value) }
        bytes.all.append(0)
        let answer = try parse(bytes)
        #expect(answer.records(of: "example.com").count == 2)
        #expect(answer.records(of: "example.com").last?.data == .srv(priority: 1, weight: 2, port: 3, target: ""))
        #expect(answer.lifetime(of: "example.com") == 10)
    }

    /// RFC 2308 §5: the lesser of the record's time and of what it says.
    @Test(arguments: [(900, 60, 60), (30, 60, 30)] as [(UInt32, UInt32, UInt32)])
    func whatIsNotThereHoldsForATime(lifetime: UInt32, minimum: UInt32, expected: UInt32) throws {
        var bytes = Bytes(answers: 0, authority: 1, status: 3)
        bytes.add(6, lifetime: lifetime) { data in
            data.add(name: ["ns"])
            data.add(name: ["hostmaster"])
            for value in [1, 2, 3, 4, minimum] { data.add32(value) }
        }
        let answer = try parse(bytes)
        #expect(answer.status == 3)
        #expect(answer.lifetime(of: "example.com") == expected)
    }

    @Test func withoutAnAuthorityNoTimeIsKnown() throws {
        #expect(try parse(Bytes(answers: 0)).lifetime(of: "example.com") == nil)
    }

    /// RFC 2181 §8.
    @Test func aNegativeTimeIsNone() throws {
        var bytes = Bytes(answers: 1)
        bytes.add(5, lifetime: 0x8000_0000) { $0.add(name: ["a"]) }
        #expect(try parse(bytes).records.first?.lifetime == 0)
    }

    @Test func otherTypesAndClassesArePassedOver() throws {
        var bytes = Bytes(answers: 3)
        bytes.add(16, lifetime: 1) { $0.add(string: "text") }
        bytes.add(33, lifetime: 1, kind: 3) { $0.all += [1, 2, 3] }
        bytes.add(5, lifetime: 1) { $0.add(name: ["a"]) }
        #expect(try parse(bytes).records.map(\.data) == [.canonicalName("a")])
    }

    @Test func namesThatLeadInCirclesAreRefused() {
        var toItself = Bytes(answers: 1)
        toItself.add(5, lifetime: 1) { $0.add16(0xC000 | UInt16($0.all.count)) }
        #expect(throws: DNSDefect.name) { try parse(toItself) }
        var round = Bytes(answers: 1)
        round.add(5, lifetime: 1) { data in
            let start = UInt16(data.all.count)
            data.add(string: "a")
            data.add16(0xC000 | start)
        }
        #expect(throws: DNSDefect.name) { try parse(round) }
        var unknown = Bytes(answers: 1)
        unknown.add(5, lifetime: 1) { $0.all += [0x40, 0] }
        #expect(throws: DNSDefect.name) { try parse(unknown) }
    }

    @Test func dataOfAnotherLengthAreRefused() {
        var bytes = Bytes(answers: 1)
        bytes.add(33, lifetime: 1) { data in
            for value in [1, 2, 3] as [UInt16] { data.add16(value) }
            data.add(name: ["a"])
            data.all.append(0)
        }
        #expect(throws: DNSDefect.data) { try parse(bytes) }
    }

    /// Cut at every place it is an error, and never more than that.
    @Test func whatIsCutIsRefused() throws {
        var bytes = Bytes(answers: 1)
        bytes.add(33, lifetime: 1) { data in
            for value in [1, 2, 3] as [UInt16] { data.add16(value) }
            data.add(name: ["host", "example"])
        }
        _ = try parse(bytes)
        for count in 0..<bytes.all.count {
            var cut = bytes
            cut.all.removeSubrange(count...)
            #expect(throws: DNSDefect.self) { try parse(cut) }
        }
    }
}
