import Testing

@testable import SRTP

@Suite struct SRTPSessionTests {
    /// Packets of every shape: plain, empty, with padding, CSRCs, an extension, and all of it.
    static let shapes: [[UInt8]] = [
        packet(1), packet(2, payload: 0),
        {
            var bytes = packet(3, payload: 12); bytes[0] |= 0x20; bytes[23] = 4; return bytes
        }(),
        {
            var bytes = packet(4, payload: 20); bytes[0] |= 0x02; return bytes
        }(),
        {
            var bytes = packet(5, payload: 20); bytes[0] |= 0x10;
            bytes.replaceSubrange(12..<16, with: [0xBE, 0xDE, 0, 2]); return bytes
        }(),
        {
            var bytes = packet(6, payload: 80)
            bytes[0] |= 0x31
            bytes.replaceSubrange(16..<20, with: [0xBE, 0xDE, 0, 3])
            bytes[bytes.count - 1] = 8
            return bytes
        }(),
        packet(7, payload: 1_388),
    ]

    @Test(arguments: ProtectionProfile.allCases, [[UInt8](), [7], [0, 0, 0, 1], [UInt8](repeating: 9, count: 128)])
    func whatIsProtectedIsOpened(profile: ProtectionProfile, identifier: [UInt8]) throws {
        let master = masterKey(profile, identifier: identifier)
        var sender = try SRTPSender(profile, master)
        var receiver = try SRTPReceiver(profile, master)
        let (added, addedToControl) = (sender.overhead, sender.controlOverhead)
        #expect(added == profile.tagLength + identifier.count)
        #expect(addedToControl == profile.controlTagLength + 4 + identifier.count)
        #expect(added - identifier.count <= SRTPLimits.maximumOverhead)
        #expect(addedToControl - identifier.count <= SRTPLimits.maximumOverhead)
        for shape in Self.shapes {
            let secured = try sender.protecting(shape)
            #expect(secured.count == shape.count + added)
            let header = try #require(shape.withUnsafeBytes { PacketLayout.headerLength($0) })
            #expect(secured[..<header] == shape[..<header])
            if shape.count - header > 8 { #expect(secured[header..<shape.count] != shape[header...]) }
            let opened = try receiver.unprotecting(secured)
            #expect(opened == shape)
        }
        for _ in 0..<3 {
            let secured = try sender.protectingControl(report())
            #expect(secured[..<8] == report()[..<8])
            #expect(secured[8..<report().count] != report()[8...])
            let opened = try receiver.unprotectingControl(secured)
            #expect(opened == report())
        }
    }

    /// Every octet counts, but those of the identifier only choose the key; and what was refused has changed nothing.
    @Test(arguments: ProtectionProfile.allCases)
    func whatWasChangedIsRefused(profile: ProtectionProfile) throws {
        let master = masterKey(profile)
        var sender = try SRTPSender(profile, master)
        var receiver = try SRTPReceiver(profile, master)
        let secured = try sender.protecting(packet(9, payload: 20))
        let control = try sender.protectingControl(report())
        for index in secured.indices {
            var changed = secured
            changed[index] ^= 1
            let refusal = receiver.refusal(of: changed)
            // A header that has grown beyond the packet is refused as such.
            #expect(refusal.error == .authenticationFailed || (index == 0 && refusal.error == .malformed))
            #expect(refusal.untouched)
        }
        for index in control.indices {
            var changed = control
            changed[index] ^= 1
            let refusal = receiver.refusal(of: changed, control: true)
            #expect(refusal.error == .authenticationFailed)
            #expect(refusal.untouched)
        }
        for (bytes, isControl) in [(secured, false), (control, true)] {
            for count in 0..<bytes.count {
                let refusal = receiver.refusal(of: Array(bytes[..<count]), control: isControl)
                #expect(refusal.error != nil)
                #expect(refusal.untouched)
            }
        }
        let sources = receiver.streamCount
        #expect(sources == 0)
        let opened = try receiver.unprotecting(secured)
        #expect(opened == packet(9, payload: 20))
        let openedControl = try receiver.unprotectingControl(control)
        #expect(openedControl == report())
    }

    @Test func keysOfOthersAreRefused() throws {
        for profile in ProtectionProfile.allCases {
            var sender = try SRTPSender(profile, masterKey(profile, seed: 1))
            var receiver = try SRTPReceiver(profile, masterKey(profile, seed: 2))
            let secured = try sender.protecting(packet(1))
            let refusal = receiver.refusal(of: secured)
            #expect(refusal.error == .authenticationFailed)
        }
    }

    @Test(arguments: ProtectionProfile.allCases)
    func replaysAreRefused(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        var secured: [[UInt8]] = []
        for sequence in 100..<UInt16(400) { secured.append(try sender.protecting(packet(sequence))) }
        // Number 150 before, then the last, then what is in the window and what is behind it.
        let packets: [(Int, SRTPError?)] = [
            (50, nil), (50, .replayed), (299, nil), (299, .replayed), (200, nil), (200, .replayed), (299 - 127, nil),
            (299 - 128, .tooOld), (50, .tooOld),
        ]
        for (index, expected) in packets {
            let refusal = receiver.refusal(of: secured[index])
            #expect(refusal.error == expected, "packet \(index)")
        }
        var control: [[UInt8]] = []
        for _ in 0..<200 { control.append(try sender.protectingControl(report())) }
        let controlPackets: [(Int, SRTPError?)] = [
            (0, nil), (0, .replayed), (199, nil), (72, nil), (71, .tooOld), (199, .replayed),
        ]
        for (index, expected) in controlPackets {
            let refusal = receiver.refusal(of: control[index], control: true)
            #expect(refusal.error == expected, "control packet \(index)")
        }
    }

    /// The same index must never be used for two texts.
    @Test(arguments: ProtectionProfile.allCases)
    func aNumberIsProtectedOnce(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        let numbers: [(UInt16, SRTPError?)] = [
            (1000, nil), (1002, nil), (1001, nil), (1001, .replayed), (1000, .replayed), (1200, nil), (1200, .replayed),
            (1000, .tooOld), (1072, .tooOld), (1073, nil), (1073, .replayed),
        ]
        for (sequence, expected) in numbers {
            let refusal = sender.refusal(of: packet(sequence))
            #expect(refusal == expected, "number \(sequence)")
        }
    }

    /// The number goes through zero three times, with packets out of order around it and some lost.
    @Test(arguments: ProtectionProfile.allCases)
    func theRolloverIsFollowed(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        var kept: [[UInt8]] = []
        for index in stride(from: 65_000, to: 3 * 65_536 + 500, by: 40) {
            let secured = try sender.protecting(packet(UInt16(truncatingIfNeeded: index), payload: 20))
            kept.append(secured)
            // Each fourth is overtaken by the next three.
            if kept.count == 4 {
                kept.append(kept.removeFirst())
                for secured in kept {
                    let refusal = receiver.refusal(of: secured)
                    #expect(refusal.error == nil)
                }
                kept = []
            }
        }
    }

    /// RFC 3711 §3.3.1: who joins late is told the counter; and who missed the first packets around zero finds it.
    @Test(arguments: ProtectionProfile.allCases)
    func lateJoin(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        try sender.begin(0x1122_3344, rolloverCounter: 5)
        let fifth = try sender.protecting(packet(40_000))
        var stranger = try SRTPReceiver(profile, masterKey(profile))
        let refusal = stranger.refusal(of: fifth)
        #expect(refusal.error == .authenticationFailed)
        #expect(refusal.untouched)
        try stranger.join(0x1122_3344, rolloverCounter: 5)
        let opened = try stranger.unprotecting(fifth)
        #expect(opened == packet(40_000))

        var early = try SRTPSender(profile, masterKey(profile))
        _ = try early.protecting(packet(65_535))
        let first = try early.protecting(packet(0))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        let found = try receiver.unprotecting(first)
        #expect(found == packet(0))
        let second = try early.protecting(packet(1))
        let next = try receiver.unprotecting(second)
        #expect(next == packet(1))
    }

    /// Under new keys the counter begins at zero or goes on (RFC 4568 §7.1.4, RFC 3711 §3.3.1): both are followed.
    @Test(arguments: ProtectionProfile.allCases, [false, true])
    func theCounterUnderNewKeys(profile: ProtectionProfile, goesOn: Bool) throws {
        let (old, new) = (masterKey(profile, seed: 1), masterKey(profile, seed: 2))
        var sender = try SRTPSender(profile, old)
        try sender.begin(0x1122_3344, rolloverCounter: 3)
        var receiver = try SRTPReceiver(profile, old)
        try receiver.join(0x1122_3344, rolloverCounter: 3)
        _ = try receiver.unprotecting(try sender.protecting(packet(40_000)))
        if goesOn { try sender.change(to: new) } else { sender = try SRTPSender(profile, new) }
        var follower = try SRTPReceiver(profile, new)
        follower.follow(receiver)
        for number in [UInt16(40_001), 40_003, 40_002] {
            let opened = try follower.unprotecting(try sender.protecting(packet(number)))
            #expect(opened == packet(number))
        }
        var twin = try SRTPSender(profile, new)
        if goesOn { try twin.begin(0x1122_3344, rolloverCounter: 3) }
        let replayed = follower.refusal(of: try twin.protecting(packet(40_001)))
        #expect(replayed.error == .replayed)
    }

    @Test(arguments: [ProtectionProfile.aeadAES128GCM, .aes128CounterModeSHA1_80])
    func sourcesAreBounded(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        var other = try SRTPSender(profile, masterKey(profile))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        for ssrc in 0..<UInt32(SRTPLimits.maximumStreams) {
            let opened = try receiver.unprotecting(try sender.protecting(packet(1, ssrc: ssrc)))
            #expect(opened == packet(1, ssrc: ssrc))
        }
        let refused = sender.refusal(of: packet(1, ssrc: 5_000))
        #expect(refused == .tooManyStreams)
        let secured = try other.protecting(packet(1, ssrc: 5_000))
        let refusal = receiver.refusal(of: secured)
        #expect(refusal.error == .tooManyStreams)
        let control = try other.protectingControl(report(ssrc: 5_000))
        let refusalOfControl = receiver.refusal(of: control, control: true)
        #expect(refusalOfControl.error == .tooManyStreams)
        #expect(throws: SRTPError.tooManyStreams) { try other.fill() }
        // Those that are known go on.
        let opened = try receiver.unprotecting(try sender.protecting(packet(2, ssrc: 63)))
        #expect(opened == packet(2, ssrc: 63))
    }

    /// RFC 3711 §9.2.
    @Test(arguments: [ProtectionProfile.aeadAES256GCM, .aes128CounterModeSHA1_32])
    func keysAreExhausted(profile: ProtectionProfile) throws {
        var sender = try SRTPSender(profile, masterKey(profile))
        try sender.begin(1, rolloverCounter: .max)
        _ = try sender.protecting(packet(65_535, ssrc: 1))
        let atTheEnd = sender.refusal(of: packet(0, ssrc: 1))
        #expect(atTheEnd == .keyExhausted)
        sender.setNextControlIndex((1 << 31) - 1, of: 1)
        let last = try sender.protectingControl(report(ssrc: 1))
        var listener = try SRTPReceiver(profile, masterKey(profile))
        let heard = try listener.unprotectingControl(last)
        #expect(heard == report(ssrc: 1))
        #expect(throws: SRTPError.keyExhausted) { _ = try sender.protectingControl(report(ssrc: 1)) }

        var brief = try SRTPSender(profile, masterKey(profile), lifetime: 3)
        for sequence in 0..<UInt16(3) { _ = try brief.protecting(packet(sequence)) }
        let beyond = brief.refusal(of: packet(3))
        #expect(beyond == .keyExhausted)
        // A new key begins the count anew, while the numbers go on.
        try brief.change(to: masterKey(profile, seed: 2))
        var receiver = try SRTPReceiver(profile, masterKey(profile, seed: 2))
        let opened = try receiver.unprotecting(try brief.protecting(packet(3)))
        #expect(opened == packet(3))
        let used = brief.refusal(of: packet(3))
        #expect(used == .replayed)
    }

    /// Several master keys, told apart by their identifiers.
    @Test(arguments: [ProtectionProfile.aeadAES128GCM, .aes256CounterModeSHA1_80])
    func masterKeysByName(profile: ProtectionProfile) throws {
        let keys = (0..<SRTPLimits.maximumMasterKeys).map {
            masterKey(profile, seed: UInt64($0), identifier: [0, UInt8($0)])
        }
        var receiver = try SRTPReceiver(profile, keys[0])
        for key in keys.dropFirst() { try receiver.add(key) }
        #expect(throws: SRTPError.invalidKey) { try receiver.add(masterKey(profile, seed: 9, identifier: [0, 9])) }
        var sender = try SRTPSender(profile, keys[0])
        for (index, key) in keys.enumerated() {
            if index > 0 { try sender.change(to: key) }
            let secured = try sender.protecting(packet(UInt16(index)))
            let opened = try receiver.unprotecting(secured)
            #expect(opened == packet(UInt16(index)))
            let control = try receiver.unprotectingControl(try sender.protectingControl(report()))
            #expect(control == report())
        }
        try sender.change(to: masterKey(profile, seed: 9, identifier: [0, 9]))
        let stranger = receiver.refusal(of: try sender.protecting(packet(50)))
        #expect(stranger.error == .unknownMasterKey)
        var nameless = try SRTPReceiver(profile, masterKey(profile))
        #expect(throws: SRTPError.invalidKey) { try nameless.add(keys[0]) }
    }

    @Test func memoryThatIsTooSmallIsRefused() throws {
        for profile in ProtectionProfile.allCases {
            var sender = try SRTPSender(profile, masterKey(profile))
            var memory = packet(1) + [UInt8](repeating: 0, count: profile.tagLength - 1)
            let before = memory
            #expect(throws: SRTPError.noSpace) {
                _ = try memory.withUnsafeMutableBytes { (bytes) throws(SRTPError) in
                    try sender.protect(bytes, length: packet(1).count)
                }
            }
            #expect(memory == before)
            let refusals = [
                sender.refusal(of: [0x80, 0]), sender.refusal(of: [0x40] + packet(1).dropFirst()),
                sender.refusal(of: [0x8F] + packet(1, payload: 8).dropFirst()),
            ]
            #expect(refusals == [.tooShort, .malformed, .malformed])
            #expect(throws: SRTPError.tooShort) { _ = try sender.protectingControl([0x80, 201, 0, 0]) }
            #expect(throws: SRTPError.malformed) { _ = try sender.protectingControl([0, 201, 0, 1, 0, 0, 0, 1]) }
        }
    }

    /// The index of RTCP begins at zero and grows by one (RFC 3711 §3.4), and the E flag is set.
    @Test func controlIndices() throws {
        var sender = try SRTPSender(.aes128CounterModeSHA1_80, masterKey(.aes128CounterModeSHA1_80))
        for index in 0..<UInt8(3) {
            let secured = try sender.protectingControl(report())
            #expect(secured[24..<28] == [0x80, 0, 0, index])
        }
        let other = try sender.protectingControl(report(ssrc: 77))
        #expect(other[24..<28] == [0x80, 0, 0, 0])
    }

    /// Random octets and random changes of packets: nothing traps, and nothing but what was sent gets in.
    @Test(arguments: ProtectionProfile.allCases)
    func noise(profile: ProtectionProfile) throws {
        var generator = SeededGenerator(11)
        var sender = try SRTPSender(profile, masterKey(profile))
        var receiver = try SRTPReceiver(profile, masterKey(profile))
        for round in 0..<2_000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = generator.octets(Int.random(in: 0...100, using: &generator))
                if !bytes.isEmpty { bytes[0] = bytes[0] & 0x3F | 0x80 }
            } else {
                bytes = try sender.protecting(packet(UInt16(round), payload: 30))
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0..<8, using: &generator)
            }
            let (refusal, control) = (receiver.refusal(of: bytes), receiver.refusal(of: bytes, control: true))
            #expect(refusal.error != nil && refusal.untouched)
            #expect(control.error != nil && control.untouched)
        }
        let sources = receiver.streamCount
        #expect(sources == 0)
    }

    @Test func profilesHaveTheNamesOfTheRegistries() {
        #expect(
            ProtectionProfile.allCases.map(\.cryptoSuite) == [
                "AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
                "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80",
                "AES_256_CM_HMAC_SHA1_32",
            ])
        for profile in ProtectionProfile.allCases {
            #expect(ProtectionProfile(cryptoSuite: profile.cryptoSuite) == profile)
            if let number = profile.dtlsIdentifier { #expect(ProtectionProfile(dtlsIdentifier: number) == profile) }
        }
        #expect(ProtectionProfile.allCases.compactMap(\.dtlsIdentifier).sorted() == [1, 2, 7, 8])
        // Without a cipher (RFC 5764 §4.1.2), and not ours.
        #expect(ProtectionProfile(dtlsIdentifier: 5) == nil)
        #expect(ProtectionProfile(cryptoSuite: "F8_128_HMAC_SHA1_80") == nil)
    }
}

extension SRTPSender {
    /// Begins more sources than there may be.
    fileprivate mutating func fill() throws(SRTPError) {
        for ssrc in 0...UInt32(SRTPLimits.maximumStreams) { try begin(ssrc, rolloverCounter: 0) }
    }
}
