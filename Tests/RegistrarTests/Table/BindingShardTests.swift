import Testing

@testable import Registrar

/// A generator that gives the same numbers in each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct BindingShardTests {
    private func entry(_ user: String) -> AddressEntry {
        Array(user.utf8).withUnsafeBytes { AddressEntry(domain: 0, user: $0, bindingsSize: 0, isCleared: false) }
    }

    private func find(_ shard: borrowing BindingShard, _ tag: UInt32, _ user: String) -> Int? {
        let bytes = Array(user.utf8)
        return bytes.withUnsafeBytes { shard.find(tag, 0, $0) }
    }

    /// Few hashes for many users, so that searches run over neighbours and around the end.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func indexAgreesWithADictionary(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        var shard = BindingShard()
        var model: [String: UInt32] = [:]
        for _ in 0..<4_000 {
            let user = "user\(UInt64.random(in: 0..<200, using: &random))"
            let tag = model[user] ?? UInt32(truncatingIfNeeded: random.next() % 7) &* 0x2600_0000 &+ 0x0100_0000
            if let slot = find(shard, tag, user) {
                #expect(model[user] != nil)
                if Bool.random(using: &random) {
                    shard.remove(slot)
                    model[user] = nil
                }
            } else {
                #expect(model[user] == nil)
                _ = shard.insert(entry(user), tag)
                model[user] = tag
            }
            #expect(shard.count == model.count)
        }
        for (user, tag) in model { #expect(find(shard, tag, user) != nil) }
        #expect(shard.slotCount * 3 >= shard.count * 4)
    }

    @Test func positionsKeepTheirMeaningWhenTheIndexGrows() {
        var shard = BindingShard()
        #expect(shard.firstSlot(from: 0) == 0)
        #expect(shard.firstSlot(from: 1) == 1)
        #expect(shard.firstSlot(from: 1 << 31) == shard.slotCount / 2)
        #expect(shard.firstSlot(from: 1 << 32) == shard.slotCount)
        for i in 0..<100 as Range<UInt32> { _ = shard.insert(entry("\(i)"), i &* 0x0280_0000) }
        #expect(shard.slotCount == 256)
        for slot in 0...shard.slotCount { #expect(shard.firstSlot(from: shard.position(of: slot)) == slot) }
        #expect(shard.firstSlot(from: 1 << 31) == 128)
    }

    @Test func entriesHoldTheirBindings() {
        let bytes: [UInt8] = Array("sip:a@b;x=yAbCdEf".utf8)
        bytes.withUnsafeBytes { text in
            func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { .init(rebasing: text[range]) }
            let parts = StoredBinding.Parts(
                contact: part(0..<7), parameters: part(7..<11), callID: part(11..<17), flow: part(2..<5),
                sequenceNumber: 77, preference: 300, expires: WallTime(seconds: 9), registered: WallTime(seconds: 4),
                flags: [.behindNAT])
            let entry = AddressEntry(domain: 3, user: part(4..<5), bindingsSize: 2 * parts.size, isCleared: true)
            defer { entry.deallocate() }
            entry.append(parts)
            entry.append(parts).expires = WallTime(seconds: 0)
            #expect(entry.domain == 3 && entry.isCleared && entry.bindingCount == 2)
            #expect(equal(entry.user, part(4..<5)))
            #expect(entry.size == AddressEntry.headerSize + 1 + 2 * parts.size)
            let all = Array(entry.bindings)
            #expect(all.map(\.isTombstone) == [false, true])
            for binding in all {
                #expect(equal(binding.contact, parts.contact) && equal(binding.parameters, parts.parameters))
                #expect(equal(binding.callID, parts.callID) && equal(binding.flow, parts.flow))
                #expect(binding.sequenceNumber == 77 && binding.preference == 300 && binding.flags == .behindNAT)
                #expect(binding.registered == WallTime(seconds: 4) && binding.size == parts.size)
            }
        }
    }
}
