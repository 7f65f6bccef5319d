import Media
import Reactor
import Routing
import SDP
import SIP
import SIPEndpoint
import SRTP
import Testing

@testable import Relay

/// What passes a leg that is secured, and what does not.
@Suite(.timeLimit(.minutes(1))) struct SecuredPacketTests {
    /// Who does not have the keys is not heard, and takes nothing over; what was dropped is counted.
    @Test func forgeriesAreDropped() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .sdes
            let (alice, mallory) = (try await Wire(lane), try await Wire(lane))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let offer = try read(exchange.request("INVITE", 1, body: Descriptions.plain(alice), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try await bob.agree(with: try target(offer))
            let door = try target(offer)
            for number in 1...10 { await mallory.send(packet(UInt8(number), source: 2), to: door) }
            let first = try bob.seal(packet(1, source: 2))
            await bob.wire.send(first, to: door)
            #expect(await alice.next()?.bytes == packet(1, source: 2))
            // A repetition is none of his either.
            await bob.wire.send(first, to: door)
            await mallory.send(first, to: door)
            // Nor is what was cut short, down to the head of a packet; without that it is nothing at all.
            let second = try bob.seal(packet(2, source: 2))
            let control = try bob.sealControl(report(source: 2))
            for length in [second.count - 1, 13, 12, 11] { await bob.wire.send(Array(second.prefix(length)), to: door) }
            for bytes in [Array(control.dropLast()), report(source: 2)] { await bob.wire.send(bytes, to: door) }
            await bob.wire.send(second, to: door)
            #expect(await alice.next()?.bytes == packet(2, source: 2))
            let counted = try #require(await relay.relayedCalls(limit: 1).first?.streams.first)
            var callee = RelayCounters()
            (callee.received, callee.receivedOctets) = (2, UInt64(first.count + second.count))
            (callee.unproven, callee.malformed) = (10 + 2 + 3 + 2, 1)
            #expect(counted.callee.counters == callee)
            #expect(counted.caller.counters.sent == 2)
            await alice.send(packet(3), to: try target(answer))
            #expect(try bob.open(#require(await bob.wire.next()?.bytes)) == packet(3))
        }
    }

    /// Feedback on pictures and single packets (RFC 4585 §6, RFC 5104 §4) passes secured legs as it is, alone (RFC 5506) and behind a
    /// report.
    @Test func feedbackPasses() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .dtls
            let alice = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .sdes))
            let bob = try SecuredEnd(try await Wire(lane), MediaEncryption(.require, by: .dtls))
            let offer = try read(exchange.request("INVITE", 1, body: alice.offer(), isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: bob.answer(offer)))
            try alice.take(answer)
            try await alice.agree(with: try target(answer))
            try await bob.agree(with: try target(offer))
            for (sender, media) in [(1, 2), (2, 1)] as [(UInt8, UInt8)] {
                let sources: [UInt8] = [0, 0, 0, sender, 0, 0, 0, media]
                let feedback: [[UInt8]] = [
                    // Generic NACK, TMMBR, PLI, FIR.
                    [0x81, 205, 0, 3] + sources + [0, 7, 0x80, 1],
                    [0x83, 205, 0, 4] + sources + [0, 0, 0, media, 0x1A, 0, 0, 40],
                    [0x81, 206, 0, 2] + sources,
                    [0x84, 206, 0, 4] + sources + [0, 0, 0, media, 9, 0, 0, 0],
                ]
                let (near, far) = sender == 1 ? (alice, bob) : (bob, alice)
                let door = try target(sender == 1 ? answer : offer)
                for packet in feedback + feedback.map({ report(source: sender) + $0 }) {
                    await near.wire.send(try near.sealControl(packet), to: door)
                    let heard = try #require(await far.wire.next()?.bytes)
                    #expect(heard != packet)
                    #expect(try far.openControl(heard) == packet)
                }
            }
        }
    }

    /// A caller may name its keys (MKI, RFC 4568 §6.1): packets of each are opened, and those of a key that it has not told are not.
    @Test func keysThatAreNamedOpenTheirPackets() async throws {
        try await withRelay { relay, lane in
            var exchange = Exchange(relay)
            exchange.encryption = .off
            let (alice, bob) = (try await Wire(lane), try await Wire(lane))
            let profile = ProtectionProfile.aes128CounterModeSHA1_80
            let suite = try #require(CryptoSuite(rawValue: profile.cryptoSuite))
            let keys = try [1, 2, 3].map { try MasterKey.random(for: profile, identifier: [0, 0, 0, $0]) }
            let told = try keys.prefix(2).map { key in
                try #require(InlineKey(suite, keyAndSalt: key.keyAndSalt, identifier: key.identifier))
            }
            let line = try #require(CryptoAttribute(tag: 1, suite: suite, keys: told)).attribute
            let body = Exchange.description(
                "127.0.0.1", "m=audio \(alice.address.port) RTP/SAVP 0", "a=rtcp-mux",
                "a=crypto:\(try #require(line.value))")
            #expect(body.contains("|1:4;inline:") && body.contains("|2:4\r\n"))
            let offer = try read(exchange.request("INVITE", 1, body: body, isFirst: true))
            let answer = try read(exchange.response(200, "INVITE", 1, body: Descriptions.plain(bob)))
            let door = try target(answer)
            var number: UInt8 = 0
            for key in keys {
                var sender = try SRTPSender(profile, key)
                number += 1
                var memory = packet(number) + [UInt8](repeating: 0, count: 64)
                var length = packet(number).count
                length = try memory.withUnsafeMutableBytes { try sender.protect($0, length: length) }
                // The identifier stands in front of the tag (RFC 3711 §3.1).
                #expect(length == packet(number).count + 4 + 10)
                await alice.send(Array(memory[..<length]), to: door)
                // The index of SRTCP goes on whatever the key (RFC 3711 §3.4).
                for _ in 0..<number {
                    memory = report() + [UInt8](repeating: 0, count: 64)
                    length = try memory.withUnsafeMutableBytes { try sender.protectControl($0, length: report().count) }
                }
                await alice.send(Array(memory[..<length]), to: door)
                guard key.identifier != [0, 0, 0, 3] else { continue }
                #expect(await bob.next()?.bytes == packet(number))
                #expect(await bob.next()?.bytes == report())
            }
            // What the relay sends has no such name, as it has told.
            let own = try #require(answer.media[0].cryptoAttributes.first?.keys.first)
            #expect(own.identifier.isEmpty)
            var receiver = try SRTPReceiver(profile, try #require(MasterKey(profile, keyAndSalt: own.keyAndSalt)))
            await bob.send(packet(9, source: 2), to: try target(offer))
            var heard = try #require(await alice.next()?.bytes)
            let length = try heard.withUnsafeMutableBytes { try receiver.unprotect($0) }
            #expect(Array(heard[..<length]) == packet(9, source: 2))
            var unproven: UInt64 = 0
            while !Task.isCancelled, unproven < 2 {
                unproven = try #require(await relay.relayedCalls(limit: 1).first?.streams.first).caller.counters
                    .unproven
            }
            #expect(unproven == 2)
        }
    }
}
