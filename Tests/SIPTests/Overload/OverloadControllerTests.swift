import SIP
import Testing

/// How many requests a server takes that has more to do than it can (RFC 7339 §5.3).
@Suite struct OverloadControllerTests {
    /// A server with one queue, in steps of its own time: a request that is taken costs a millisecond, one that is refused a
    /// fiftieth of that.
    private struct QueueModel {
        var controller = OverloadController()
        /// Requests in a second.
        var offered = 3_000.0
        /// Requests that may wait.
        var room = 4_000
        /// Whether clients hear of the share with each response, and send no more than that.
        var takesPart = false
        private var now = 0.0
        private var arrived = 0.0
        private var queue: [Double] = []
        private var head = 0
        private var generator = SeededGenerator(seed: 3)
        /// What clients have heard of late.
        private var heard = 1.0
        private var window = (end: 0.1, began: 0.0, worked: 0.0, served: 0, dropped: 0)
        /// Requests that were served before their client sent them again.
        private(set) var good = 0
        /// The smallest share that was taken.
        private(set) var least = 1.0

        static let cost = 0.001
        static let refusal = 0.000_02
        static let patience = 0.5

        mutating func run(for seconds: Double) {
            let end = now + seconds
            while now < end {
                admit()
                if now >= window.end { endWindow() }
                guard head < queue.count else {
                    now = max(now, arrived)
                    continue
                }
                let began = queue[head]
                head += 1
                window.served += 1
                let takes = controller.takes(takesPart: takesPart, draw: draw())
                heard = controller.share
                let cost = takes ? Self.cost : Self.refusal
                now += cost
                window.worked += cost
                if takes, now - began < Self.patience { good += 1 }
            }
        }

        private mutating func admit() {
            while arrived <= now {
                if !takesPart || draw() < heard {
                    if queue.count - head < room { queue.append(arrived) } else { window.dropped += 1 }
                }
                // Distances of an even chance from none to twice the mean.
                arrived += 2 / offered * draw()
            }
        }

        private mutating func draw() -> Double { Double(generator.next() >> 11) * 0x1p-53 }

        private mutating func endWindow() {
            controller.measure(
                .init(
                    time: .seconds(now - window.began), worked: .seconds(window.worked), served: window.served,
                    waiting: queue.count - head, dropped: window.dropped))
            least = min(least, controller.share)
            window = (now + 0.1, now, 0, 0, 0)
        }

        /// Good requests in a second from now on.
        mutating func goodput(over seconds: Double) -> Double {
            good = 0
            run(for: seconds)
            return Double(good) / seconds
        }
    }

    @Test(
        "At several times the capacity more than eight tenths of it are served in time: of what refusing the others leaves",
        arguments: [(1.5, 4_000), (3, 4_000), (3, 160), (3, 100_000), (10, 4_000), (10, 160)], [false, true])
    func goodput(load: (times: Double, room: Int), takesPart: Bool) {
        let (times, room) = load
        var model = QueueModel()
        model.takesPart = takesPart
        model.offered = 1_000 * times
        model.room = room
        model.run(for: 5)
        let good = model.goodput(over: 30)
        // In a second as many are taken as have time beside the refusal of all others: a thousand but for that.
        let most = (1 - model.offered * QueueModel.refusal) / (QueueModel.cost - QueueModel.refusal)
        #expect(good > 0.8 * most, "\(good) of \(most)")
        if times <= 3 { #expect(good > 800) }
    }

    @Test("Without control nothing is served in time: the model is no easy one")
    func collapse() {
        var model = QueueModel()
        model.controller = OverloadController(
            {
                var settings = OverloadController.Settings()
                settings.longestWait = .seconds(1_000_000)
                return settings
            }())
        model.room = 100_000
        model.run(for: 5)
        let good = model.goodput(over: 30)
        #expect(good < 100)
    }

    @Test("A server that works nearly all the time, but keeps nobody waiting, takes everything")
    func busy() {
        var model = QueueModel()
        model.offered = 950
        model.run(for: 60)
        #expect(model.least == 1)
    }

    @Test("When the load is over, all is taken again")
    func recovery() {
        var model = QueueModel()
        model.run(for: 10)
        #expect(model.controller.isOverloaded)
        model.offered = 300
        model.run(for: 5)
        #expect(model.controller.share == 1)
        // A time without any requests is one long window.
        model.offered = 3_000
        model.run(for: 5)
        model.controller.measure(.init(time: .seconds(60), worked: .zero, served: 0, waiting: 0, dropped: 0))
        #expect(!model.controller.isOverloaded)
    }

    @Test("A burst is no overload, three windows of waiting are")
    func patience() {
        var controller = OverloadController()
        let calm = OverloadController.Measurement(
            time: .milliseconds(100), worked: .milliseconds(50), served: 500, waiting: 0, dropped: 0)
        let jammed = OverloadController.Measurement(
            time: .milliseconds(100), worked: .milliseconds(100), served: 100, waiting: 1_000, dropped: 0)
        let losing = OverloadController.Measurement(
            time: .milliseconds(100), worked: .milliseconds(95), served: 100, waiting: 10, dropped: 5)
        controller.measure(jammed)
        controller.measure(jammed)
        controller.measure(calm)
        controller.measure(losing)
        controller.measure(losing)
        #expect(!controller.isOverloaded)
        controller.measure(losing)
        #expect(controller.share == 0.9)
        for _ in 0..<100 { controller.measure(jammed) }
        #expect(controller.share == OverloadController.leastShare)
    }

    @Test("What is lost while the server has time is no sign of its own work")
    func lossWithoutWork() {
        var controller = OverloadController()
        for _ in 0..<10 {
            controller.measure(
                .init(time: .milliseconds(100), worked: .milliseconds(20), served: 100, waiting: 0, dropped: 50))
        }
        #expect(!controller.isOverloaded)
    }
}
