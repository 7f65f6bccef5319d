import Dispatch
import Routing
import Synchronization
import Testing

@testable import Registrar

@Suite struct ConcurrencyTests {
    /// Registers for a user without a message around it.
    static func register(
        _ table: BindingTable, _ plan: inout RegistrationPlan, user: String, contact: String, callID: String,
        cSeq: UInt32, expires: UInt32, removesAll: Bool = false
    ) -> RegistrationVerdict {
        Array(user.utf8).withUnsafeBytes { user in
            Array(contact.utf8).withUnsafeBytes { contact in
                Array(callID.utf8).withUnsafeBytes { callID in
                    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
                    plan.changes = [
                        Registration.Change(
                            contact: contact, parameters: nothing, preference: Preference.absent, expires: expires,
                            isBehindNAT: false, hasFlow: false)
                    ]
                    return table.register(
                        Registration(
                            domain: 0, user: user, callID: callID, sequenceNumber: cSeq, flow: nothing,
                            now: table.now, removesAll: removesAll, maximumContacts: 10, repeatWindow: 32), &plan)
                }
            }
        }
    }

    /// Four threads change the bindings of few users, a fifth looks and a sixth sweeps; in the end memory and journal say
    /// the same, and each thread's own contacts are as it left them.
    @Test func threadsAgree() throws {
        let clock = ManualClock()
        let journal = MemoryJournal()
        let table = BindingTable(
            domains: RegistrarFixture.domains, directory: NamedUsers(), journal: journal, clock: { clock.now })
        let expected = Mutex<Set<String>>([])
        let failures = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 6) { thread in
            var random = SeededGenerator(state: UInt64(thread))
            var plan = RegistrationPlan()
            var mine: Set<String> = []
            for step in 1...4_000 {
                let number = Int(random.next() % 8)
                let user = "user\(number)"
                switch thread {
                case 4:
                    let found = Array(user.utf8).withUnsafeBytes { table.location(user: $0, domain: 0) }
                    if case .bindings(let all) = found, Set(all.map(\.contact)).count != all.count {
                        failures.add(1, ordering: .relaxed)
                    }
                case 5: table.sweep(now: clock.now, budget: 64)
                default:
                    let contact = "sip:\(thread)@192.0.2.\(random.next() % 2)"
                    let key = "sip:\(user)@example.com \(contact)"
                    let isRemoval = random.next() % 3 == 0
                    let verdict = Self.register(
                        table, &plan, user: user, contact: contact, callID: "thread\(thread)", cSeq: UInt32(step),
                        expires: isRemoval ? 0 : 600)
                    guard case .accepted = verdict else {
                        failures.add(1, ordering: .relaxed)
                        continue
                    }
                    if isRemoval { mine.remove(key) } else { mine.insert(key) }
                }
            }
            expected.withLock { $0.formUnion(mine) }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        let all = expected.withLock { $0 }
        #expect(journal.keys == all)
        #expect(table.statistics.bindings == all.count)
        for number in 0..<8 {
            let found = Array("user\(number)".utf8).withUnsafeBytes { table.location(user: $0, domain: 0) }
            guard case .bindings(let bindings) = found else { continue }
            for binding in bindings {
                #expect(
                    all.contains("sip:user\(number)@example.com \(String(decoding: binding.contact, as: UTF8.self))"))
            }
        }
    }

    /// All threads fight for one contact and clear it: whoever was last, the journal has what memory has.
    @Test func journalHasTheLastWord() {
        let clock = ManualClock()
        let journal = MemoryJournal()
        let table = BindingTable(
            domains: RegistrarFixture.domains, directory: NamedUsers(), journal: journal, clock: { clock.now })
        for round in 0..<200 {
            DispatchQueue.concurrentPerform(iterations: 4) { thread in
                var plan = RegistrationPlan()
                for step in 1...5 {
                    _ = Self.register(
                        table, &plan, user: "alice", contact: "sip:a@192.0.2.1", callID: "\(round) \(thread)",
                        cSeq: UInt32(step), expires: 600, removesAll: (thread + step) % 4 == 0)
                }
            }
            let found = Array("alice".utf8).withUnsafeBytes { table.location(user: $0, domain: 0) }
            let isThere: Bool
            if case .bindings = found { isThere = true } else { isThere = false }
            #expect(journal.rows.isEmpty != isThere)
        }
    }

    @Test func shardsAreFilledAlike() {
        let table = BindingTable(domains: RegistrarFixture.domains, directory: NamedUsers())
        var plan = RegistrationPlan()
        for i in 0..<25_600 {
            _ = Self.register(
                table, &plan, user: "\(1_000 + i)", contact: "sip:\(i)@192.0.2.1", callID: "\(i)", cSeq: 1, expires: 600
            )
        }
        let statistics = table.statistics
        #expect(statistics.addresses == 25_600)
        // 100 are expected in each; six standard deviations are 60.
        #expect(statistics.largestShard <= 160)
        #expect(statistics.smallestShard >= 40)
    }
}
