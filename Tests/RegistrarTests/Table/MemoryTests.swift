import Glibc
import Testing

@testable import Registrar

@Suite struct MemoryTests {
    /// Bytes that the allocator has given out. `malloc_info` says what it has taken from the system, and what of that is
    /// free; Swift does not see its header, hence the look-up by name.
    private static func bytesInUse() throws -> Int {
        typealias Function = @convention(c) (CInt, UnsafeMutablePointer<FILE>) -> CInt
        let symbol = try #require(dlsym(nil, "malloc_info"))
        var text: UnsafeMutablePointer<CChar>?
        var size = 0
        let stream = try #require(open_memstream(&text, &size))
        _ = unsafeBitCast(symbol, to: Function.self)(0, stream)
        fclose(stream)
        defer { free(text) }
        // The sums over all arenas stand behind the last of them.
        let report = String(cString: try #require(text))
        let sums = try #require(report.split(separator: "</heap>").last)
        func value(_ element: String) -> Int? {
            let line = sums.split(separator: "\n").first { $0.hasPrefix(element) }
            return line?.split(separator: "size=\"").last.flatMap { Int($0.prefix { $0.isNumber }) }
        }
        let system = try #require(value("<system type=\"current\""))
        let mapped = try #require(value("<total type=\"mmap\""))
        let fast = try #require(value("<total type=\"fast\""))
        let rest = try #require(value("<total type=\"rest\""))
        return system + mapped - fast - rest
    }

    /// A process of its own, since tests beside this one take and give memory too.
    @Test(.enabled(if: dlsym(nil, "__asan_init") == nil, "the address sanitizer has an allocator of its own"))
    func aBindingTakesFewHundredBytes() async {
        await #expect(processExitsWith: .success) { try Self.expectFewHundredBytes() }
    }

    /// A phone behind a NAT over UDP on IPv4: user of 10 bytes, contact of 62, parameters of 73, Call-ID of 36.
    private static func expectFewHundredBytes() throws {
        let count = 100_000
        let table = BindingTable(domains: RegistrarFixture.domains, directory: NamedUsers())
        var plan = RegistrationPlan()
        let flow = [UInt8](repeating: 1, count: 15)
        let before = try bytesInUse()
        for i in 0..<count {
            let number = String(1_000_000 + i)
            let user = "user" + number.dropFirst()
            let contact = "sip:\(user)@192.168.100.123:5060;transport=UDP;ob;x=\(number)"
            let parameters = ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000\(number)>\";reg-id=1"
            let callID = "7c9e6679-7425-40de-944b-e07f\(number)0"
            Array(user.utf8).withUnsafeBytes { user in
                Array(contact.utf8).withUnsafeBytes { contact in
                    Array(parameters.utf8).withUnsafeBytes { parameters in
                        Array(callID.utf8).withUnsafeBytes { callID in
                            flow.withUnsafeBytes { flow in
                                plan.changes = [
                                    Registration.Change(
                                        contact: contact, parameters: parameters, preference: Preference.absent,
                                        expires: 3_600, isBehindNAT: true, hasFlow: true)
                                ]
                                _ = table.register(
                                    Registration(
                                        domain: 0, user: user, callID: callID, sequenceNumber: 1, flow: flow,
                                        now: table.now, maximumContacts: 10, repeatWindow: 32), &plan)
                            }
                        }
                    }
                }
            }
        }
        let perBinding = Double(try bytesInUse() - before) / Double(count)
        #expect(table.statistics.bindings == count)
        // The strings alone are 181 bytes.
        #expect(perBinding > 181)
        #expect(perBinding < 500)
    }
}
