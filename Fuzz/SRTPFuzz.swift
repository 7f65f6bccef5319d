// targets: RTP SRTP

import SRTP

/// Uses the bytes as packets of both kinds, for each profile: what is not secured is refused and left as it was, and what we secure is
/// what we open.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSRTP(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let profile = ProtectionProfile.allCases[Int(first) % ProtectionProfile.allCases.count]
    let master = MasterKey(
        key: [UInt8](repeating: 1, count: profile.keyLength), salt: [UInt8](repeating: 2, count: profile.saltLength),
        identifier: [UInt8](repeating: 3, count: Int(first >> 6)))
    do throws(SRTPError) {
        try exercise(Array(bytes.dropFirst()), profile, master)
    } catch {
        fatalError("\(error)")  // This is how libFuzzer is told.
    }
    return 0
}

private func exercise(_ packet: [UInt8], _ profile: ProtectionProfile, _ master: MasterKey) throws(SRTPError) {
    var sender = try SRTPSender(profile, master)
    var receiver = try SRTPReceiver(profile, master)
    for isControl in [false, true] {
        var foreign = packet
        let taken = foreign.withUnsafeMutableBytes { memory in
            (try? isControl ? receiver.unprotectControl(memory) : receiver.unprotect(memory)) != nil
        }
        check(!taken, "a packet of somebody else was let in")
        check(foreign == packet, "a packet that was refused was changed")
        let room = isControl ? sender.controlOverhead : sender.overhead
        var memory = packet + [UInt8](repeating: 0, count: room)
        let secured = memory.withUnsafeMutableBytes { memory in
            try? isControl
                ? sender.protectControl(memory, length: packet.count) : sender.protect(memory, length: packet.count)
        }
        guard let secured else { continue }
        check(secured == packet.count + room, "the length")
        let opened = memory.withUnsafeMutableBytes { memory in
            try? isControl ? receiver.unprotectControl(memory) : receiver.unprotect(memory)
        }
        check(opened == packet.count && Array(memory.prefix(packet.count)) == packet, "what was secured is not opened")
    }
}
