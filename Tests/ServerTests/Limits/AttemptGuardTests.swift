import Reactor
import Testing

@testable import Server

/// Who may try to authenticate, in virtual time.
@Suite struct AttemptGuardTests {
    private let guardian = AttemptGuard()
    private let rates = AttemptGuard.Rates(
        user: TokenRate(3, per: .seconds(60), size: 3), source: TokenRate(10, per: .seconds(60), size: 10))
    private static let carrier = TransportAddress(ipv4: 0x6440_0001, port: 4_000)

    private func attempt(_ user: String, _ source: TransportAddress = Self.carrier) -> AttemptGuard.Attempt {
        Array(user.utf8).withUnsafeBytes { guardian.attempt(source, user: $0, domain: 0) }
    }

    private func admit(_ user: String, _ source: TransportAddress = Self.carrier, at now: UInt64 = 1)
        -> AttemptGuard.Verdict
    {
        guardian.admit(attempt(user, source), rates, now: now)
    }

    private func fail(_ user: String, _ source: TransportAddress = Self.carrier, _ times: Int = 1, at now: UInt64 = 1) {
        for _ in 0..<times { guardian.failed(attempt(user, source), rates, now: now) }
    }

    /// Thousands of phones that first come without credentials and then with right ones use nothing up.
    @Test func manyGoodUsersBehindOneAddress() {
        for number in 0..<5_000 {
            let user = "user\(number)"
            #expect(admit(user) == .admitted)
            fail(user)
            guardian.succeeded(attempt(user), rates, now: 1)
        }
        #expect(admit("another") == .admitted)
    }

    /// Wrong passwords of some stop them and strangers to the address, and nobody who was there before.
    @Test func whoWasThereBeforeGoesOn() {
        fail("good")
        guardian.succeeded(attempt("good"), rates, now: 1)
        for number in 0..<10 { fail("guessed\(number)") }
        #expect(admit("stranger") == .sourceWaits(6))
        #expect(admit("good") == .admitted)
        // Even that one has a limit of its own.
        fail("good", Self.carrier, 3)
        #expect(admit("good") == .userWaits(20))
        // Other sources are not touched, and the port makes none of its own.
        #expect(admit("stranger", TransportAddress(ipv4: 0x6440_0002, port: 4_000)) == .admitted)
        #expect(admit("stranger", TransportAddress(ipv4: 0x6440_0001, port: 9)) == .sourceWaits(6))
        // With time there is room again; after a day nobody is known any more.
        #expect(admit("stranger", at: 6_000_001) == .admitted)
        let day: UInt64 = 86_400_000_001
        fail("other", Self.carrier, 20, at: day)
        #expect(admit("good", at: day) == .sourceWaits(6))
    }

    /// Somebody else at the same address tries in a user's name: the user goes on where that one was before, and has the same limit
    /// there; a success there is none of the other's.
    @Test func othersInAUsersNameDoNotStopThatUser() {
        let other = TransportAddress(ipv4: 0x6440_0001, port: 9)
        fail("good")
        guardian.succeeded(attempt("good"), rates, now: 1)
        fail("good", other, 3)
        #expect(admit("good", other) == .userWaits(20))
        #expect(admit("good") == .admitted)
        fail("good", Self.carrier, 1)
        guardian.succeeded(attempt("good"), rates, now: 1)
        #expect(admit("good", other) == .userWaits(20))
        fail("good", Self.carrier, 3)
        #expect(admit("good") == .userWaits(20))
        // After a day the place is one like all others.
        #expect(admit("good", at: 60_000_001) == .admitted)
        let day: UInt64 = 86_400_000_001
        fail("good", other, 3, at: day)
        #expect(admit("good", at: day) == .userWaits(20))
    }

    @Test func oneUserGuessedFromOnePlace() {
        fail("alice", Self.carrier, 3)
        #expect(admit("alice") == .userWaits(20))
        #expect(admit("alice", TransportAddress(ipv4: 1, port: 1)) == .admitted)
        #expect(admit("bob") == .admitted)
        #expect(admit("alice", at: 20_000_001) == .admitted)
    }

    /// A subscriber has 64 bits of an IPv6 address to choose from.
    @Test func addressesOfIPv6CountByTheirPrefix() {
        let sources = (0..<10).map { TransportAddress(ipv6: 0x2001_0DB8_0000_0001, UInt64($0), port: 1) }
        for (index, source) in sources.enumerated() { fail("user\(index)", source) }
        #expect(admit("x", TransportAddress(ipv6: 0x2001_0DB8_0000_0001, 99, port: 1)) == .sourceWaits(6))
        #expect(admit("x", TransportAddress(ipv6: 0x2001_0DB8_0000_0002, 99, port: 1)) == .admitted)
    }
}
