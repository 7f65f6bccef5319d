import ICE
import Testing

/// How allocations are made, refreshed and ended (RFC 8656 §6 to §8).
@Suite struct TURNServerAllocationTests {
    private let rig = ServerRig()
    private let udp: UInt32 = 17 << 24
    private let ip6: UInt32 = 2 << 24

    @Test("§7.2: what an allocation is told; the same request again is answered again, another one is 437")
    func allocation() throws {
        let id = rig.id()
        let answer = rig.ask(.allocate, id: id) { try $0.add(.requestedTransport, udp, into: &$1) }
        #expect(answer.isSuccess)
        #expect(answer.relayed == [ip(9, 9, 9, 9, 50_000)])
        #expect(answer.lifetime == 600)
        #expect(read(answer.bytes).address(.xorMappedAddress, answer.bytes) == rig.client)
        #expect(answer.octets(.software) == [UInt8]("Itodenwa".utf8))
        rig.advance(.seconds(10))
        let again = rig.ask(.allocate, id: id) { try $0.add(.requestedTransport, udp, into: &$1) }
        #expect(again.relayed == answer.relayed && again.lifetime == 590)
        #expect(rig.allocate().error == 437)
        #expect(rig.server.statistics.allocations == 1)
    }

    @Test("§7.2: what cannot be had")
    func refusals() {
        #expect(rig.ask(.allocate) { _, _ in }.error == 400)
        #expect(rig.ask(.allocate) { try $0.add(.requestedTransport, [17, 0], into: &$1) }.error == 400)
        #expect(rig.ask(.allocate) { try $0.add(.requestedTransport, 33 << 24 as UInt32, into: &$1) }.error == 442)
        #expect(rig.allocate { try $0.add(.requestedAddressFamily, 3 << 24 as UInt32, into: &$1) }.error == 440)
        #expect(rig.allocate { try $0.add(.additionalAddressFamily, 1 << 24 as UInt32, into: &$1) }.error == 400)
        let both = rig.allocate { writer, memory in
            try writer.add(.requestedAddressFamily, ip6, into: &memory)
            try writer.add(.additionalAddressFamily, ip6, into: &memory)
        }
        #expect(both.error == 400)
        let tokenAndFamily = rig.allocate { writer, memory in
            try writer.add(.reservationToken, 1 as UInt64, into: &memory)
            try writer.add(.requestedAddressFamily, ip6, into: &memory)
        }
        #expect(tokenAndFamily.error == 400)
        let pairOfTwo = rig.allocate { writer, memory in
            try writer.add(.evenPort, [0x80], into: &memory)
            try writer.add(.additionalAddressFamily, ip6, into: &memory)
        }
        #expect(pairOfTwo.error == 400)
        #expect(rig.allocate { try $0.add(.reservationToken, 1 as UInt64, into: &$1) }.error == 508)
        let fragment = rig.allocate { try $0.add(.dontFragment, into: &$1) }
        #expect(fragment.error == 420)
        #expect(read(fragment.bytes).unknownAttributes(fragment.bytes) == [.dontFragment])
        rig.exhausted = [.ip4]
        #expect(rig.allocate().error == 508)
        #expect(rig.quota.count == 0 && rig.server.statistics.allocated == 0)
    }

    @Test("§7.2: families: one, both, and what there is of both")
    func families() {
        #expect(rig.allocate { try $0.add(.requestedAddressFamily, ip6, into: &$1) }.relayed.map(\.isIPv6) == [true])
        let both = rig.allocate(from: ip(1, 1, 1, 1, 1)) { try $0.add(.additionalAddressFamily, ip6, into: &$1) }
        #expect(both.relayed.map(\.isIPv6) == [false, true])
        #expect(both.octets(.addressErrorCode) == nil)
        rig.exhausted = [.ip6]
        let part = rig.allocate(from: ip(1, 1, 1, 1, 2)) { try $0.add(.additionalAddressFamily, ip6, into: &$1) }
        #expect(part.relayed.map(\.isIPv6) == [false])
        #expect(part.octets(.addressErrorCode) == [2, 0, 5, 8])
        let old = ServerRig { configuration, _ in configuration.families = [.ip4] }
        #expect(old.allocate { try $0.add(.requestedAddressFamily, ip6, into: &$1) }.error == 440)
        let half = old.allocate { try $0.add(.additionalAddressFamily, ip6, into: &$1) }
        #expect(half.octets(.addressErrorCode) == [2, 0, 4, 40])
        let new = ServerRig { configuration, _ in configuration.families = [.ip6] }
        #expect(new.allocate().error == 440)
    }

    @Test("§7.2: an even port, and the next one for another allocation, once")
    func evenPort() throws {
        rig.allocate(from: ip(1, 1, 1, 1, 9))
        let even = rig.allocate { try $0.add(.evenPort, [0x80], into: &$1) }
        let port = try #require(even.relayed.first?.port)
        let token = try #require(even.token)
        #expect(port % 2 == 0)
        let next = rig.allocate(from: ip(1, 1, 1, 1, 1)) { try $0.add(.reservationToken, token, into: &$1) }
        #expect(next.relayed == [ip(9, 9, 9, 9, port + 1)])
        let again = rig.allocate(from: ip(1, 1, 1, 1, 2)) { try $0.add(.reservationToken, token, into: &$1) }
        #expect(again.error == 508)
        let alone = rig.allocate(from: ip(1, 1, 1, 1, 3)) { try $0.add(.evenPort, [0], into: &$1) }
        #expect(alone.relayed.first.map { $0.port % 2 } == 0 && alone.token == nil)
    }

    @Test(
        "§7.2, §8.2: lifetimes between 10 minutes and an hour",
        arguments: [
            (nil, 600), (1, 600), (599, 600), (601, 601), (3_600, 3_600), (3_601, 3_600), (.max, 3_600),
        ] as [(UInt32?, UInt32)])
    func lifetimes(wanted: UInt32?, expected: UInt32) {
        let made = rig.allocate { writer, memory in
            if let wanted { try writer.add(.lifetime, wanted, into: &memory) }
        }
        #expect(made.lifetime == expected)
        let refreshed = rig.ask(.refresh) { writer, memory in
            if let wanted { try writer.add(.lifetime, wanted, into: &memory) }
        }
        #expect(refreshed.lifetime == expected)
        rig.advance(.seconds(Int64(expected) - 1))
        #expect(rig.server.statistics.allocations == 1)
        rig.advance(.seconds(2))
        #expect(rig.server.statistics.allocations == 0 && rig.server.statistics.expired == 1)
        #expect(rig.closed.count == 1 && rig.quota.count == 0)
        #expect(rig.ask(.refresh) { _, _ in }.error == 437)
        #expect(rig.server.deadline == nil)
    }

    @Test("§8.2: a refresh that makes the time shorter ends it sooner, however often it is changed")
    func shortened() {
        rig.allocate { try $0.add(.lifetime, 3_600 as UInt32, into: &$1) }
        for _ in 0..<100 {
            rig.ask(.refresh) { try $0.add(.lifetime, 3_600 as UInt32, into: &$1) }
            rig.ask(.refresh) { try $0.add(.lifetime, 600 as UInt32, into: &$1) }
            rig.advance(.seconds(5))
        }
        rig.advance(.seconds(590))
        #expect(rig.server.statistics.allocations == 1)
        rig.advance(.seconds(10))
        #expect(rig.server.statistics.allocations == 0)
    }

    @Test("§8.2: a lifetime of zero gives it back; for one family of two, that one alone")
    func given() {
        let both = rig.allocate { try $0.add(.additionalAddressFamily, ip6, into: &$1) }
        let wrong = ServerRig()
        wrong.allocate()
        #expect(wrong.ask(.refresh) { try $0.add(.requestedAddressFamily, ip6, into: &$1) }.error == 443)
        let peer6 = STUNAddress(ip6: 0x2600 << 112 | 77, port: 9)
        #expect(rig.permit(rig.peer, peer6).isSuccess)
        let one = rig.ask(.refresh) { writer, memory in
            try writer.add(.lifetime, 0 as UInt32, into: &memory)
            try writer.add(.requestedAddressFamily, ip6, into: &memory)
        }
        #expect(one.isSuccess && one.lifetime == 0)
        #expect(rig.closed == both.relayed.filter(\.isIPv6))
        #expect(rig.indicate([1], to: rig.peer) == .relayed(both.relayed[0], to: rig.peer, [1]))
        #expect(rig.permit(peer6).error == 443)
        #expect(rig.ask(.refresh) { try $0.add(.lifetime, 0 as UInt32, into: &$1) }.isSuccess)
        #expect(rig.closed.count == 2)
        #expect(rig.ask(.refresh) { try $0.add(.lifetime, 0 as UInt32, into: &$1) }.error == 437)
        // The 5-tuple is free again, and what is old is not taken for what is new.
        #expect(rig.allocate().isSuccess)
        #expect(rig.deliver(from: rig.peer, at: both.relayed[0]) == .nothing)
    }

    @Test("§7.2: quotas, of one user and of all, 486; what has ended is not counted")
    func quotas() {
        let rig = ServerRig(total: 3, perUser: 2)
        for port in 1...2 as ClosedRange<UInt16> { #expect(rig.allocate(from: ip(1, 1, 1, 1, port)).isSuccess) }
        #expect(rig.allocate(from: ip(1, 1, 1, 1, 3)).error == 486)
        let bob = ("bob", "geheim")
        #expect(rig.allocate(user: bob.0, password: bob.1, from: ip(1, 1, 1, 1, 4)).isSuccess)
        #expect(rig.allocate(user: bob.0, password: bob.1, from: ip(1, 1, 1, 1, 5)).error == 486)
        #expect(rig.server.statistics.quotaRefusals == 2)
        rig.ask(.refresh, from: ip(1, 1, 1, 1, 1)) { try $0.add(.lifetime, 0 as UInt32, into: &$1) }
        #expect(rig.allocate(user: bob.0, password: bob.1, from: ip(1, 1, 1, 1, 5)).isSuccess)
    }

    @Test("Another listener, and each connection, is another 5-tuple; a connection takes its allocation with it")
    func links() {
        #expect(rig.allocate().isSuccess)
        #expect(rig.allocate(link: 1).isSuccess)
        #expect(rig.allocate(link: 2).isSuccess)
        rig.disconnect(rig.client, link: 2)
        #expect(rig.closed.count == 1 && rig.server.statistics.allocations == 2)
        rig.disconnect(rig.client, link: 2)
        #expect(rig.quota.count == 2)
    }

    @Test("Thousands come and go, and nothing is left")
    func many() {
        let rig = ServerRig(total: 10_000, perUser: 10_000) { configuration, _ in
            configuration.strangerAnswers = 100_000
        }
        for round in 0..<3 {
            for port in 1...1_000 as ClosedRange<UInt16> { rig.allocate(from: ip(1, 1, 1, UInt32(round), port)) }
            rig.advance(.seconds(250))
        }
        #expect(rig.server.statistics.allocations == 3_000 - (750 > 600 ? 1_000 : 0))
        rig.advance(.seconds(700))
        #expect(rig.server.statistics.allocations == 0 && rig.relays.isEmpty && rig.quota.count == 0)
        #expect(rig.closed.count == 3_000)
    }
}
