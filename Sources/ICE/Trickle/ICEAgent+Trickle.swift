/// Candidates that come one by one (RFC 8838).
extension ICEAgent {
    /// Takes a candidate that the other side has told of later (RFC 8838 §11). Those that come before ``setRemote(_:stream:now:)`` wait
    /// for it.
    public mutating func addRemoteCandidate(_ candidate: Candidate, stream: Int, now: Instant) {
        // Behind the end there are none (RFC 8838 §14).
        guard !streams[stream].isRemoteComplete, streams[stream].state != .failed else { return }
        addRemote(candidate, stream: stream)
        thaw()
        advance(now)
    }

    /// The other side has told all of its candidates: from now on the stream may fail (RFC 8838 §8, §14).
    public mutating func endRemoteCandidates(stream: Int, now: Instant) {
        streams[stream].isRemoteComplete = true
        advance(now)
    }
}
