import CProbe
import Testing

@testable import SRTP

@Suite struct AllocationTests {
    /// Neither OpenSSL nor we take memory for a packet, once its source is known.
    @Test(
        .enabled(if: probe_counts_allocations(), "a sanitizer has its own allocator"),
        arguments: ProtectionProfile.allCases)
    func aPacketAllocatesNothing(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 300, alignment: 16)
        defer { memory.deallocate() }
        memory.copyBytes(from: packet(0, payload: 160))
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: 300, alignment: 16)
        defer { control.deallocate() }
        control.copyBytes(from: report())
        let controlLength = report().count

        func turn(_ sequence: UInt16) throws(SRTPError) {
            memory.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
            let length = try sender.protect(memory, length: 172)
            let secured = UnsafeMutableRawBufferPointer(rebasing: memory[..<length])
            guard try receiver.unprotect(secured) == 172 else { throw .malformed }
            let controlSecured = try sender.protectControl(control, length: controlLength)
            _ = try receiver.unprotectControl(UnsafeMutableRawBufferPointer(rebasing: control[..<controlSecured]))
        }
        try turn(0)
        let before = probe_allocations()
        // The counter counts.
        let block = UnsafeMutableRawPointer.allocate(byteCount: 10_000, alignment: 1)
        block.deallocate()
        #expect(probe_allocations() > before)
        let start = probe_allocations()
        // By hand: where nothing is optimised the iterator of a range takes memory.
        var sequence: UInt16 = 0
        while sequence < 10_000 {
            sequence += 1
            try turn(sequence)
        }
        let taken = probe_allocations() - start
        #expect(taken == 0)
    }
}
