import Foundation
import SRTP
import TestKit
import Testing

/// Our SRTP against libsrtp: each secures what the other opens.
@Suite struct LibsrtpTests {
    /// A job of `Tools/srtp_peer.py`, and what must come of it.
    private struct Job {
        let line: String
        let expected: String
    }

    /// What libsrtp 2.5 has in common with the RFCs: its keys of AES-192 are derived by AES-256 (its issue 763), which RFC 6188 §7.4 has vectors
    /// against.
    private static let profiles = ProtectionProfile.allCases.filter { $0.keyLength != 24 }

    /// Each profile, and each with an identifier of its key in the packets (RFC 3711 §3.1, MKI).
    @Test(arguments: profiles, [[], [0x0A, 0, 0, 1]] as [[UInt8]])
    func bothWays(profile: ProtectionProfile, identifier: [UInt8]) async throws {
        let ours = try MasterKey.random(for: profile, identifier: identifier)
        let theirs = try MasterKey.random(for: profile, identifier: identifier)
        // The numbers go through zero, in order, with gaps, and some out of order.
        let numbers = (65_400..<65_700).filter { $0 % 7 != 3 }.map { UInt16(truncatingIfNeeded: $0 ^ 1) }
        let packets = numbers.map { Self.packet($0, payload: Int($0 % 200)) }
        var jobs: [Job] = []
        var sender = try SRTPSender(profile, ours)
        func job(_ direction: String, _ kind: String, _ key: MasterKey, _ packet: [UInt8], gives expected: [UInt8]?) {
            jobs.append(
                Job(
                    line: [
                        profile.cryptoSuite, direction, kind, Self.hex(key.keyAndSalt),
                        identifier.isEmpty ? "-" : Self.hex(identifier), Self.hex(packet),
                    ].joined(separator: " "),
                    expected: expected.map(Self.hex) ?? ""))
        }
        for packet in packets {
            let secured = try Self.memory(packet, sender.overhead) { try sender.protect($0, length: packet.count) }
            job("in", "rtp", ours, secured, gives: packet)
            // Of the same key the same packet comes.
            job("out", "rtp", ours, packet, gives: secured)
            job("out", "rtp", theirs, packet, gives: nil)
        }
        // Where tags of RTP are shorter libsrtp 2.5 looks for the identifier in a report where it does not stand (its issue 733).
        let isShort = profile == .aes128CounterModeSHA1_32 || profile == .aes256CounterModeSHA1_32
        for _ in 0..<(isShort && !identifier.isEmpty ? 0 : 5) {
            let report = Self.report
            let secured = try Self.memory(report, sender.controlOverhead) {
                try sender.protectControl($0, length: report.count)
            }
            job("in", "rtcp", ours, secured, gives: report)
            job("out", "rtcp", theirs, report, gives: nil)
        }
        var receiver = try SRTPReceiver(profile, theirs)
        let results = try await Self.run(jobs.map(\.line))
        #expect(results.count == jobs.count)
        for (job, result) in zip(jobs, results) {
            if !job.expected.isEmpty {
                #expect(result == job.expected)
                continue
            }
            let fields = job.line.split(separator: " ")
            let secured = Self.octets(result)
            let opened = try Self.memory(secured, 0) {
                fields[2] == "rtp" ? try receiver.unprotect($0) : try receiver.unprotectControl($0)
            }
            #expect(Self.hex(opened) == fields[5])
        }
    }

    private static func run(_ jobs: [String]) async throws -> [Substring] {
        let folder = try TemporaryFolder()
        let file = try folder.write(jobs.joined(separator: "\n") + "\n", to: "jobs")
        return try await withPeers { peers in
            let python =
                ProcessInfo.processInfo.environment["ITODENWA_PYTHON"]
                ?? Repository.file(".build-tools/venv/bin/python3")
            guard FileManager.default.isExecutableFile(atPath: python) else {
                throw PeerError(.programMissing, "there is no \(python); run script/setup --tests")
            }
            let command = PeerCommand(
                python, [Repository.file("Tests/Interop/Tools/srtp_peer.py"), file, folder.file("results")],
                package: "python3")
            try await peers.run(command, name: "libsrtp", within: .seconds(60))
            return try String(contentsOfFile: folder.file("results"), encoding: .utf8).split(separator: "\n")
        }
    }

    private static func memory(
        _ packet: [UInt8], _ room: Int, _ work: (UnsafeMutableRawBufferPointer) throws -> Int
    ) rethrows -> [UInt8] {
        var memory = packet + [UInt8](repeating: 0, count: room)
        let length = try memory.withUnsafeMutableBytes { try work($0) }
        return Array(memory[..<length])
    }

    private static func packet(_ number: UInt16, payload: Int) -> [UInt8] {
        // Every third has a CSRC and an extension.
        let isLarge = number % 3 == 0
        var bytes: [UInt8] = [isLarge ? 0x91 : 0x80, 0, UInt8(number >> 8), UInt8(number & 0xFF)]
        bytes += [0, 0, 0, 1, 0xAA, 0xBB, 0xCC, 0xDD] as [UInt8]
        if isLarge { bytes += [1, 2, 3, 4, 0xBE, 0xDE, 0, 1, 0x10, 0x55, 0, 0] as [UInt8] }
        for place in 0..<payload { bytes.append(UInt8(truncatingIfNeeded: place &* 3)) }
        return bytes
    }

    private static let report: [UInt8] = [
        0x80, 201, 0, 1, 0xAA, 0xBB, 0xCC, 0xDD, 0x81, 202, 0, 3, 0xAA, 0xBB, 0xCC, 0xDD, 1, 5, 97, 64, 98, 46, 99, 0,
    ]

    private static func hex(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func octets(_ hex: Substring) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
