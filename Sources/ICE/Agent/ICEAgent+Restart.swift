extension ICEAgent {
    /// Begins anew with a stream (RFC 8445 §9): new credentials, to be told to the other side. What was selected is used, and its
    /// consent renewed, until something new is; candidates of this side stay. Relays that were given back are asked for again by
    /// ``gather(now:)``.
    ///
    /// - Parameter parameters: what this side has told already that it proves itself by; nil for new ones.
    public mutating func restart(stream: Int, parameters: ICEParameters? = nil) {
        streams[stream].previous = streams[stream].local
        streams[stream].local = parameters ?? .random(random)
        streams[stream].remote = nil
        streams[stream].isRemoteLite = false
        streams[stream].isRemoteComplete = false
        streams[stream].nominatesOnce = false
        streams[stream].state = .idle
        streams[stream].localCandidates.removeAll { $0.kind == .peerReflexive }
        streams[stream].remoteCandidates = []
        streams[stream].pairs = []
        streams[stream].provisions = [:]
        streams[stream].triggered = []
        streams[stream].early = []
        streams[stream].heard = [:]
        streams[stream].started = nil
        streams[stream].firstValid = nil
        streams[stream].isNominating = false
        streams[stream].isPastPatience = false
        freeing = nil
        hasGathered = false
    }
}
