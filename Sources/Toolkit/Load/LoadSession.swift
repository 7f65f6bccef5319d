import Reactor
import SIP

/// The operations of one run, on one lane.
///
/// Made and used on its lane. Requests are written straight into the send batch; answers are matched by the number in their
/// branch, which names a slot.
final class LoadSession: LoadReceiver, TickHandler {
    enum Stage: UInt8 {
        case free, registering, registeringWithCredentials, asking, inviting, ending
    }

    /// Users are registered before calls begin and removed behind them: the next load would call the sockets of this one too.
    enum Phase {
        case registering, measuring, removing
    }

    struct Slot {
        var number: UInt64 = 0
        var stage = Stage.free
        var attempts: UInt8 = 0
        var user: UInt32 = 0
        /// The path that it takes.
        var path: Int32 = 0
        var sequence: UInt32 = 0
        /// For how long a REGISTER asks, in seconds.
        var expires = LoadText.expires
        /// Times in nanoseconds since the run began.
        var began: Int64 = 0
        var deadline: Int64 = 0
        /// The request to send again, when it is not made of the template: BYE.
        var request: [UInt8] = []
    }

    let plan: LoadPlan
    let text: LoadText
    private let lane: Lane
    private var carrier: (any LoadCarrier)?
    private var slots: [Slot]
    private var free: [Int32] = []
    private var waiting: [(number: UInt64, at: Int64)] = []
    private var waitingHead = 0
    /// Begins anywhere, so that no branch, tag or Call-ID is one of another run.
    private var nextNumber = UInt64.random(in: 0..<1 << 44)
    private var sequences: [UInt32]
    /// What each user proves himself with from his first challenge on; empty unless nonces are kept.
    private var credentials: [LoadCredentials?]
    private var index = MessageIndex()
    private(set) var report = LoadReport()
    private let start: ContinuousClock.Instant
    private var paced: Double = 0
    private var isEnding = false
    private var registered = 0
    private var removed = 0
    private var removalStart: Int64 = 0
    private var phase: Phase
    private var measureStart: Int64 = 0
    private var lastAnswer: Int64 = 0
    private let finished: (LoadReport) -> Void
    private let progress: ((LoadReport) -> Void)?
    private var nextProgress: Int64 = 1_000_000_000
    private var tick: LaneTickID?
    private let digest: DigestHash
    private var isReliable = false

    init(
        _ plan: LoadPlan, lane: Lane, digest: DigestHash, progress: ((LoadReport) -> Void)?,
        finished: @escaping (LoadReport) -> Void
    ) {
        self.plan = plan
        self.lane = lane
        self.digest = digest
        self.progress = progress
        self.finished = finished
        text = LoadText(plan)
        let capacity: Int
        switch plan.pace {
        case .closed(let concurrency): capacity = max(1, min(concurrency, LoadPlan.outstandingLimit))
        case .fixed: capacity = LoadPlan.outstandingLimit
        }
        slots = Array(repeating: Slot(), count: max(capacity, 64))
        free = (0..<Int32(slots.count)).reversed()
        sequences = Array(repeating: 0, count: max(1, plan.userCount))
        let proves = plan.operation == .register && !plan.password.isEmpty && plan.keepsNonces
        credentials = Array(repeating: nil, count: proves ? sequences.count : 0)
        start = lane.now
        phase = plan.operation == .call ? .registering : .measuring
        report.operation = plan.operation.rawValue
    }

    /// Starts with what carries its messages.
    func begin(_ carrier: any LoadCarrier) {
        self.carrier = carrier
        isReliable = carrier.isReliable
        tick = lane.startTick(every: .milliseconds(1), self)
    }

    private var now: Int64 { nanoseconds(lane.now - start) }

    private func nanoseconds(_ duration: Duration) -> Int64 {
        let parts = duration.components
        return parts.seconds &* 1_000_000_000 &+ parts.attoseconds / 1_000_000_000
    }

    // MARK: Pace

    func tick(_ tick: LaneTick, on lane: Lane) {
        let now = self.now
        retransmitDue(now)
        switch phase {
        case .registering: return prepare(now)
        case .measuring: measure(now)
        case .removing: return removeUsers(now)
        }
    }

    private func measure(_ now: Int64) {
        let elapsed = now - measureStart
        let length = nanoseconds(plan.duration)
        // However late the tick is: all that was to begin does.
        if !isEnding { beginDue(now, min(elapsed, length)) }
        isEnding = elapsed >= length || plan.limit > 0 && report.started >= plan.limit
        if let progress, now >= nextProgress {
            nextProgress = now + 1_000_000_000
            progress(report)
        }
        if isEnding, free.count == slots.count || elapsed > nanoseconds(plan.duration + plan.patience) { finish() }
    }

    private func beginDue(_ now: Int64, _ elapsed: Int64) {
        switch plan.pace {
        case .closed(let concurrency):
            while slots.count - free.count < concurrency, beginOne(now) {}
        case .fixed(let rate):
            let due = rate * Double(elapsed) / 1e9
            while paced < due {
                paced += 1
                if !beginOne(now) { report.skipped += 1 }
            }
        }
    }

    /// Registers all users before calls begin, some at a time.
    private func prepare(_ now: Int64) {
        while registered < plan.userCount, slots.count - free.count < 256 {
            guard start(.registering, UInt32(registered), now) else { return }
            registered += 1
        }
        guard registered == plan.userCount, free.count == slots.count else { return }
        phase = .measuring
        measureStart = now
        let registering = report
        report = LoadReport()
        report.operation = plan.operation.rawValue
        report.failed = registering.failed
        report.broken = registering.broken
        report.breakReason = registering.breakReason
    }

    /// Removes the bindings of all users, some at a time, and ends; on the report it has no effect.
    private func removeUsers(_ now: Int64) {
        while removed < plan.userCount, slots.count - free.count < 256 {
            guard start(.registering, UInt32(removed), expires: 0, now) else { break }
            removed += 1
        }
        // A server that is gone is not waited for longer than for one operation.
        let isLate = now - removalStart > nanoseconds(plan.patience)
        if isLate || removed == plan.userCount && free.count == slots.count { close() }
    }

    private func beginOne(_ now: Int64) -> Bool {
        if plan.limit > 0, report.started >= plan.limit { return false }
        let user = UInt32(report.started % UInt64(max(1, plan.userCount)))
        let stage: Stage =
            switch plan.operation {
            case .options: .asking
            case .register: .registering
            case .call: .inviting
            }
        guard start(stage, user, now) else { return false }
        report.started += 1
        return true
    }

    private func start(_ stage: Stage, _ user: UInt32, expires: Int = LoadText.expires, _ now: Int64) -> Bool {
        guard let path = path(of: user), let slot = free.popLast() else { return false }
        nextNumber += 1
        let number = nextNumber << 17 | UInt64(slot)
        sequences[Int(user)] &+= 1
        slots[Int(slot)] = Slot(
            number: number, stage: stage, user: user, path: Int32(path), sequence: sequences[Int(user)],
            expires: expires, began: now, deadline: now + nanoseconds(plan.patience))
        if stage == .registering, !credentials.isEmpty, var kept = credentials[Int(user)], let carrier {
            slots[Int(slot)].request =
                text.authorized(slots[Int(slot)], by: &kept, hash: digest, from: carrier.paths[path]) ?? []
            credentials[Int(user)] = kept
        }
        send(Int(slot))
        wait(number, now)
        return true
    }

    // MARK: Sending

    /// A user always speaks by one path, as a phone does, as long as that is open.
    private func path(of user: UInt32) -> Int? {
        guard let carrier else { return nil }
        let count = carrier.paths.count
        let own = Int(user) % count
        if carrier.isOpen(own) { return own }
        return (1..<count).lazy.map { (own + $0) % count }.first { carrier.isOpen($0) }
    }

    private func send(_ slot: Int) {
        let state = slots[slot]
        write(path: Int(state.path), to: plan.target) { path, writer in
            if state.request.isEmpty {
                text.write(state, from: path, into: &writer)
            } else {
                writer.append(state.request)
            }
        }
    }

    /// Sends what is written by a path.
    private func write(path: Int, to remote: TransportAddress, _ body: (LoadPath, inout ByteWriter) -> Void) {
        guard let carrier, carrier.isOpen(path) else { return }
        var writer = ByteWriter(into: carrier.reserve())
        body(carrier.paths[path], &writer)
        if !writer.overflowed { carrier.commit(writer.count, path: path, to: remote) }
    }

    private func wait(_ number: UInt64, _ now: Int64) {
        waiting.append((number, now + (isReliable ? nanoseconds(plan.patience) : Self.firstRepeat)))
    }

    /// T1, after which a request is sent again (RFC 3261 §17.1.1.1).
    private static let firstRepeat: Int64 = 500_000_000

    /// Sends again what has waited for half a second, or ends what was sent reliably; each request waits the same time, so
    /// that the oldest is first.
    private func retransmitDue(_ now: Int64) {
        while waitingHead < waiting.count, waiting[waitingHead].at <= now {
            let number = waiting[waitingHead].number
            waitingHead += 1
            let slot = Int(number & 0x1FFFF)
            guard slots[slot].number == number, slots[slot].stage != .free else { continue }
            if isReliable || now >= slots[slot].deadline {
                end(slot, status: 408, now)
            } else {
                slots[slot].attempts &+= 1
                if phase != .removing { report.retransmissions += 1 }
                send(slot)
                wait(number, now)
            }
        }
        if waitingHead > 65_536 {
            waiting.removeFirst(waitingHead)
            waitingHead = 0
        }
    }

    // MARK: Receiving

    func received(_ bytes: UnsafeRawBufferPointer, path: Int, from remote: TransportAddress) {
        guard (try? index.parse(bytes)) != nil else { return }
        let view = index.view(of: bytes)
        if view.isRequest {
            answer(view, path, remote)
        } else {
            receive(view, now)
        }
    }

    /// What was under way on the path fails, and is not waited for.
    func ended(path: Int, _ reason: String) {
        guard phase != .removing else { return }
        report.broken += 1
        if report.breakReason.isEmpty { report.breakReason = reason }
        let now = self.now
        for slot in slots.indices where slots[slot].stage != .free && Int(slots[slot].path) == path {
            end(slot, status: nil, now)
        }
        if self.path(of: 0) == nil { finish() }
    }

    private func receive(_ view: MessageView, _ now: Int64) {
        let status = view.statusCode
        guard status.isFinal, let via = try? view.topVia, let number = LoadText.number(view.bytes(via.branch)) else {
            return
        }
        let slot = Int(number & 0x1FFFF)
        guard slot < slots.count, slots[slot].number == number else { return }
        switch slots[slot].stage {
        case .free: return
        case .registering where status == 401 && !plan.password.isEmpty: return authenticate(slot, view, now)
        case .inviting where status.isSuccess:
            guard (try? view.cSeq)?.method == .invite else { return }
            acknowledge(slot, view, now)
        default: end(slot, status: status, now)
        }
    }

    /// Answers the challenge: a new request with the next CSeq.
    private func authenticate(_ slot: Int, _ view: MessageView, _ now: Int64) {
        let user = slots[slot].user
        sequences[Int(user)] &+= 1
        slots[slot].sequence = sequences[Int(user)]
        slots[slot].stage = .registeringWithCredentials
        nextNumber += 1
        slots[slot].number = nextNumber << 17 | UInt64(slot)
        guard let path = carrier?.paths[Int(slots[slot].path)],
            var answer = LoadCredentials(
                answering: view, user: user, uri: text.registrar, password: plan.password, hash: digest),
            let request = text.authorized(slots[slot], by: &answer, hash: digest, from: path)
        else { return end(slot, status: 401, now) }
        if !credentials.isEmpty { credentials[Int(user)] = answer }
        slots[slot].request = request
        send(slot)
        wait(slots[slot].number, now)
    }

    /// The 200 to INVITE: ACK at once, then BYE.
    private func acknowledge(_ slot: Int, _ view: MessageView, _ now: Int64) {
        let path = Int(slots[slot].path)
        let number = slots[slot].number
        write(path: path, to: plan.target) { path, writer in
            text.writeInDialog("ACK", view, number: number, from: path, into: &writer)
        }
        report.latency.record(microseconds: UInt64(max(0, now - slots[slot].began) / 1_000))
        nextNumber += 1
        slots[slot].number = nextNumber << 17 | UInt64(slot)
        slots[slot].stage = .ending
        guard let carrier else { return }
        var bye = ByteWriter(capacity: 1_024)
        text.writeInDialog("BYE", view, number: slots[slot].number, from: carrier.paths[path], into: &bye)
        slots[slot].request = bye.array
        send(slot)
        wait(slots[slot].number, now)
    }

    /// The callee's side: 180 and 200 to INVITE, 200 to all else but ACK.
    private func answer(_ view: MessageView, _ path: Int, _ remote: TransportAddress) {
        guard view.method != .ack else { return }
        if view.method == .invite { respond(view, 180, path, remote) }
        respond(view, 200, path, remote)
    }

    private func respond(_ view: MessageView, _ status: StatusCode, _ path: Int, _ remote: TransportAddress) {
        write(path: path, to: remote) { path, writer in
            view.beginResponse(
                .init(status, toTag: 0x10AD, copiesRecordRoute: view.method == .invite), into: &writer)
            if view.method == .invite {
                writer.append("Contact: <sip:callee@")
                text.writeContactHost(path, into: &writer)
            }
            MessageView.endResponse(into: &writer)
        }
    }

    /// Ends an operation; without a status nobody has answered it.
    private func end(_ slot: Int, status: StatusCode?, _ now: Int64) {
        if phase == .removing {
            // Not measured.
        } else if let status, status.isSuccess {
            report.operations += 1
            if slots[slot].stage != .ending {
                report.latency.record(microseconds: UInt64(max(0, now - slots[slot].began) / 1_000))
            }
        } else {
            report.failed += 1
            if let status { report.statuses[status.rawValue, default: 0] += 1 }
        }
        if phase != .removing { lastAnswer = now }
        slots[slot].stage = .free
        slots[slot].request = []
        free.append(Int32(slot))
        if phase == .measuring, !isEnding, case .closed = plan.pace { _ = beginOne(now) }
    }

    private func finish() {
        for slot in slots.indices where slots[slot].stage != .free { end(slot, status: 408, now) }
        report.seconds = Double(max(1, lastAnswer - measureStart)) / 1e9
        report.drops = carrier?.drops ?? 0
        guard plan.operation == .call, path(of: 0) != nil else { return close() }
        phase = .removing
        removalStart = now
    }

    private func close() {
        if let tick { lane.stopTick(tick) }
        tick = nil
        carrier?.close()
        carrier = nil
        finished(report)
    }
}

extension ByteWriter {
    /// Appends host and port.
    mutating func append(_ address: TransportAddress) {
        withUnsafeTemporaryAllocation(byteCount: TransportAddress.longestText, alignment: 1) { memory in
            let count = address.write(into: memory)
            append(UnsafeRawBufferPointer(rebasing: memory[0..<count]))
        }
    }
}
