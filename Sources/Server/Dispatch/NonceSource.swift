public import SIP

/// The nonces of one run of a server: made once at its start, and kept when the configuration is read again.
///
/// The key outlives a restart, the generation does not: so a nonce from before is known as ours, and its client told
/// `stale=true` (RFC 7616 §3.3), while the uses that were forgotten with the last run cannot be repeated.
public struct NonceSource: Sendable {
    let key: SipHash
    let generation: UInt32
    let epoch: ContinuousClock.Instant
    let window: ReplayWindow

    /// Nonces of a run that begins.
    ///
    /// - Parameters:
    ///   - key: the key, the same in each run.
    ///   - generation: what no other run has had; random unless given.
    ///   - epoch: an instant before every use.
    public init(
        key: SipHash, generation: UInt32 = .random(in: 0 ... .max), epoch: ContinuousClock.Instant = .now,
        window: ReplayWindow = ReplayWindow()
    ) {
        self.key = key
        self.generation = generation
        self.epoch = epoch
        self.window = window
    }

    /// An issuer of these nonces.
    func issuer(lifetime: Duration) -> NonceIssuer {
        NonceIssuer(key: key, generation: generation, epoch: epoch, lifetime: lifetime)
    }
}
