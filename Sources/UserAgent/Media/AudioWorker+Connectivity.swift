import ICE
import Media
import Reactor

// Connectivity checks.
extension AudioWorker: TimerClient {
    /// Asks servers for candidates, for a time.
    ///
    /// - Parameters:
    ///   - known: told once on the lane, before `completion`, what is known without the servers; nil when there is nothing to tell.
    ///   - completion: told once on the lane; nil when there is nothing to tell.
    func gather(
        known: @escaping (ICEEnds.Gathered?) -> Void = { _ in }, _ completion: @escaping (ICEEnds.Gathered?) -> Void
    ) {
        guard !isStopped, checks?.hasTerms ?? true, (try? open()) != nil else {
            known(nil)
            return completion(nil)
        }
        (onKnown, onGathered) = (known, completion)
        let client = lane.add(timerClient: self)
        gatheringTimer = (client, lane.schedule(after: policy.gatheringLimit, client, token: 0))
        if let checks { return checks.gatherAgain() }
        guard let resolver else { return beginGathering() }
        search = ServerAddressSearch(of: servers, resolver, on: lane) { [weak self] found in
            guard let self else { return }
            policy = policy.with(found)
            beginGathering()
        }
    }

    private func beginGathering() {
        // Nobody waits any more where the sockets are others, or the call is over.
        guard onGathered != nil, checks == nil else { return }
        let made = makeChecks(nil, components: 2)
        checks = made
        made.start()
        tellKnown(made.gathered)
    }

    private func tellKnown(_ found: ICEEnds.Gathered?) {
        let told = onKnown
        onKnown = nil
        var found = found
        found?.isComplete = false
        told?(found)
    }

    func timerFired(_ timer: ExpiredTimer, on lane: Lane) {
        // Where names are asked for still, those servers are left out.
        search?.stop()
        endGathering(with: checks?.gathered)
    }

    /// Tells what was gathered, once.
    func endGathering(with found: ICEEnds.Gathered?) {
        if let (client, handle) = gatheringTimer {
            lane.cancel(handle)
            lane.remove(timerClient: client)
        }
        gatheringTimer = nil
        tellKnown(found)
        let told = onGathered
        onGathered = nil
        search = nil
        told?(found)
    }

    /// Sends RTP (0) or RTCP (1), by a relay where the way leads by one.
    func send(_ bytes: [UInt8], on tag: UInt64, to destination: TransportAddress) {
        if let checks, checks.relayed.contains(tag) { return checks.send(bytes, on: tag) }
        bytes.withUnsafeBytes { outlet(tag)?.send($0, to: destination) }
    }

    /// Goes on with what was said of connectivity checks.
    func check(
        _ stream: AudioStream<TransportAddress>, _ remote: TransportAddress?, _ control: TransportAddress?
    ) {
        let isMultiplexed = stream.negotiation.isMultiplexed
        guard let terms else {
            if let checks, checks.goByRelay(to: isMultiplexed ? [remote] : [remote, control]) { return }
            endChecks()
            // What is not to be told is not sent from either.
            return policy.keepsToRelays ? stream.fixWay(to: nil, control: nil) : stream.releaseWay()
        }
        if let checks, checks.takes(terms, isMultiplexed: isMultiplexed) {
            // Behind the gathering nothing is sent before a way was found.
            if !checks.hasTerms { stream.fixWay(to: nil, control: nil) }
            return checks.apply(terms, isMultiplexed: isMultiplexed)
        }
        endChecks()
        stream.fixWay(to: nil, control: nil)
        let made = makeChecks(terms, components: isMultiplexed ? 1 : 2)
        checks = made
        made.start()
    }

    private func makeChecks(_ terms: ICETerms?, components: Int) -> ConnectivityChecks {
        ConnectivityChecks(terms, policy, connections, bound.places, components: components, on: lane) {
            [unowned self] event in
            // The worker ends its checks before it is gone.
            happened(event)
        }
    }

    func endChecks() {
        checks?.close()
        checks = nil
    }

    /// Where connectivity checks have found the peer for RTP (0) or RTCP (1).
    func destination(_ tag: UInt64) -> TransportAddress? { checks?.destinations[tag] }

    private func happened(_ event: ConnectivityChecks.Event) {
        switch event {
        case .send(let tag, let address, let bytes):
            bytes.withUnsafeBytes { socket(tag)?.send($0, to: address) }
        case .changed:
            let (remote, control) = (destination(0), destination(1))
            stream?.fixWay(
                to: remote, control: control, sources: checks?.sources[0] ?? [],
                controlSources: checks?.sources[1] ?? [])
            handshake?.move(to: remote, control)
            guard let stream, let deferred, let remote, stream.negotiation.isMultiplexed || control != nil else {
                return
            }
            begin(deferred, stream, remote, control)
        case .data(let tag, var bytes):
            bytes.withUnsafeMutableBytes { takeRelayed($0, on: tag, at: .now) }
        case .candidates(let left): onCandidates(left, bound.main.rtp.localAddress)
        case .settled(let settlement): onSettled(settlement, bound.main.rtp.localAddress)
        case .gathered: endGathering(with: checks?.gathered)
        case .failed(let error): onFailure(.way(error))
        }
    }
}
