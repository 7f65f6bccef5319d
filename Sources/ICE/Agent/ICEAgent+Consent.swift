/// Whether the other side still wants what it gets (RFC 7675), and what keeps ways open (RFC 8445 §11).
extension ICEAgent {
    /// 0.8 to 1.2 times the interval (RFC 7675 §5.1).
    func consentWait() -> Duration {
        let fraction = Double(random() >> 11) / Double(1 << 53)
        return configuration.consentInterval * (0.8 + 0.4 * fraction)
    }

    /// Sends what is due along the pairs that are used, and ends consent that was not renewed.
    mutating func fireUses(_ stream: Int, now: Instant) {
        for (component, provision) in streams[stream].provisions where !provision.isExpired && provision.expires <= now
        {
            streams[stream].provisions[component]?.isExpired = true
            act(.consentLost(stream: stream, component: component))
        }
        for component in streams[stream].uses.keys.sorted() {
            guard let use = streams[stream].uses[component] else { continue }
            if let expires = use.expires, expires <= now {
                loseConsent(stream, component)
            } else if let next = use.next, next <= now {
                renew(stream, component, now: now)
            }
        }
    }

    private mutating func renew(_ stream: Int, _ component: Int, now: Instant) {
        guard var use = streams[stream].uses[component] else { return }
        let id = newTransaction()
        let bytes: [UInt8]?
        if isLite {
            use.next = now + configuration.keepAlive
            bytes = STUNWriter.message(.indication, .binding, id) { writer, bytes in
                try writer.addFingerprint(into: &bytes)
            }
        } else {
            // Each is sent once, as a new transaction (RFC 7675 §5.1).
            use.next = now + consentWait()
            use.outstanding.append(id)
            if use.outstanding.count > ICEStream.mostConsentChecks { use.outstanding.removeFirst() }
            bytes = checkRequest(id, base: use.base, from: use.local, to: use.remote, nominates: false)
        }
        streams[stream].uses[component] = use
        if let bytes { emit(bytes, from: use.base, to: use.pair.remote.address, now: now) }
    }

    /// Takes an answer to a consent check.
    mutating func takeConsent(
        _ message: STUNMessage, stream: Int, base: Int, from source: STUNAddress, now: Instant, in bytes: RawSpan
    ) -> Bool {
        for (component, use) in streams[stream].uses where use.outstanding.contains(message.transaction) {
            guard use.base == base, use.pair.remote.address == source, message.isFingerprintRight(in: bytes),
                message.isProven(by: .shortTerm(use.remote.password), hash, in: bytes)
            else { return true }
            if message.kind == .success {
                let expiry = now + configuration.consentExpiry
                streams[stream].uses[component]?.outstanding.removeAll { $0 == message.transaction }
                streams[stream].uses[component]?.expires = expiry
            } else if message.error(in: bytes) == .forbidden {
                // RFC 7675 §5.2.
                loseConsent(stream, component)
            }
            return true
        }
        return false
    }

    /// Nothing more may be sent, and these credentials not be used for it again (RFC 7675 §5.1).
    private mutating func loseConsent(_ stream: Int, _ component: Int) {
        let local = streams[stream].local
        let isCurrent = streams[stream].uses[component]?.local == local
        streams[stream].uses[component] = nil
        if isCurrent, streams[stream].state == .completed {
            streams[stream].state = .failed
            streams[stream].pairs = []
            streams[stream].triggered = []
        }
        act(.consentLost(stream: stream, component: component))
    }
}
