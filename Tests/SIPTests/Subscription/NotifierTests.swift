import SIP
import Testing

@Suite struct NotifierTests {
    typealias Action = Notifier.Action
    private let start = ContinuousClock.now

    private func machine(_ configuration: Notifier.Configuration = .init(), isAllowed: Bool = true) -> Notifier {
        Notifier(configuration, expires: .seconds(600), isAllowed: isAllowed, at: start)
    }

    @Test("RFC 6665 §4.2.1.1: 423 only below the minimum, and never for an hour or more, or a fetch")
    func grants() {
        var configuration = Notifier.Configuration()
        #expect(configuration.grant(nil) == .granted(.seconds(3_600)))
        #expect(configuration.grant(.seconds(100_000)) == .granted(.seconds(86_400)))
        #expect(configuration.grant(.seconds(59)) == .tooBrief(.seconds(60)))
        #expect(configuration.grant(.seconds(60)) == .granted(.seconds(60)))
        #expect(configuration.grant(.zero) == .granted(.zero))
        configuration.leastExpires = .seconds(7_200)
        #expect(configuration.grant(.seconds(3_600)) == .granted(.seconds(3_600)))
        #expect(configuration.grant(.seconds(3_599)) == .tooBrief(.seconds(7_200)))
    }

    @Test("RFC 6665 §4.2.1.2, §4.2.2: a NOTIFY at once, with the time that is left")
    func first() {
        var machine = machine()
        #expect(machine.start(at: start) == [.set(.expiry, .seconds(600)), .notify])
        #expect(machine.subscriptionState(at: start + .seconds(100)) == "active;expires=500")
        var pending = self.machine(isAllowed: false)
        #expect(pending.start(at: start).last == .notify)
        #expect(pending.subscriptionState(at: start) == "pending;expires=600")
        #expect(pending.receive(200).isEmpty)
        #expect(pending.allow() == [.notify])
        #expect(pending.subscriptionState(at: start) == "active;expires=600")
        #expect(pending.allow().isEmpty)
    }

    @Test("One NOTIFY at a time; changes meanwhile go with the next one")
    func oneAtATime() {
        var machine = machine()
        _ = machine.start(at: start)
        #expect(machine.changed().isEmpty)
        #expect(machine.changed().isEmpty)
        #expect(machine.receive(200) == [.notify])
        #expect(machine.receive(200).isEmpty)
        #expect(machine.changed() == [.notify])
    }

    @Test(
        "RFC 5057 §5.1: without its dialog a subscription is over, whether a NOTIFY is on its way or not",
        arguments: [true, false])
    func lost(isInFlight: Bool) {
        var machine = machine()
        _ = machine.start(at: start)
        if !isInFlight { _ = machine.receive(200) }
        #expect(machine.lose() == [.stop(.expiry), .stop(.interval), .finished])
        #expect(machine.isTerminated)
        #expect(machine.lose().isEmpty)
        #expect(machine.receive(200).isEmpty)
        #expect(machine.changed().isEmpty)
    }

    @Test("RFC 6665 §4.2.1.4: a refresh is followed by a NOTIFY, a duration of zero by the last one")
    func refresh() {
        var machine = machine()
        _ = machine.start(at: start)
        _ = machine.receive(200)
        #expect(machine.refresh(.seconds(900), at: start + .seconds(50)) == [.set(.expiry, .seconds(900)), .notify])
        #expect(machine.subscriptionState(at: start + .seconds(50)) == "active;expires=900")
        _ = machine.receive(200)
        #expect(machine.refresh(.zero, at: start) == [.stop(.expiry), .notify])
        #expect(machine.subscriptionState(at: start) == "terminated;reason=timeout")
        #expect(machine.receive(200) == [.stop(.expiry), .stop(.interval), .finished])
        #expect(machine.changed().isEmpty && machine.refresh(.seconds(1), at: start).isEmpty)
    }

    @Test("RFC 6665 §4.4.3: a fetch gets one NOTIFY that ends it")
    func fetch() {
        var machine = Notifier(expires: .zero, isAllowed: true, at: start)
        #expect(machine.start(at: start) == [.notify])
        #expect(machine.subscriptionState(at: start) == "terminated;reason=timeout")
        #expect(machine.receive(200).last == .finished)
    }

    @Test("RFC 6665 §4.2.1.4: without a refresh it ends with a NOTIFY")
    func expires() {
        var machine = machine()
        _ = machine.start(at: start)
        // Before the first NOTIFY was answered: the last one waits for its turn.
        #expect(machine.fire(.expiry) == [.stop(.expiry)])
        #expect(machine.receive(200) == [.notify])
        #expect(machine.subscriptionState(at: start) == "terminated;reason=timeout")
        #expect(machine.receive(200).last == .finished)
    }

    @Test("RFC 6665 §4.1.3: reasons of the end, with the time after which to come again")
    func reasons() {
        var machine = machine()
        _ = machine.start(at: start)
        _ = machine.receive(200)
        #expect(machine.terminate(.probation, retryAfter: .seconds(120)) == [.stop(.expiry), .notify])
        #expect(machine.subscriptionState(at: start) == "terminated;reason=probation;retry-after=120")
        #expect(machine.terminate(.rejected).isEmpty)
        #expect(machine.isTerminated)
    }

    @Test("RFC 6665 §4.2.2: which refusals of NOTIFY, and silence, remove the subscription")
    func failures() {
        for status in [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] as [StatusCode] {
            var machine = machine()
            _ = machine.start(at: start)
            #expect(machine.receive(status).last == .finished, "\(status)")
            #expect(machine.isTerminated)
        }
        for status in [400, 401, 403, 500, 503] as [StatusCode] {
            var machine = machine()
            _ = machine.start(at: start)
            #expect(machine.receive(status).isEmpty, "\(status)")
            #expect(machine.changed() == [.notify])
        }
        var silent = machine()
        _ = silent.start(at: start)
        #expect(silent.transactionFailed().last == .finished)
        #expect(silent.receive(200).isEmpty)
    }

    @Test("NOTIFYs keep a distance, but for the last one")
    func interval() {
        var configuration = Notifier.Configuration()
        configuration.leastInterval = .seconds(1)
        var machine = machine(configuration)
        #expect(machine.start(at: start).suffix(2) == [.notify, .set(.interval, .seconds(1))])
        _ = machine.receive(200)
        #expect(machine.changed().isEmpty)
        #expect(machine.fire(.interval) == [.notify, .set(.interval, .seconds(1))])
        _ = machine.receive(200)
        #expect(machine.terminate(.noResource) == [.stop(.expiry), .notify])
    }
}
