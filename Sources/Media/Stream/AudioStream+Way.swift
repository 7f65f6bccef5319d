import RTP

// Where media goes when connectivity checks say so (RFC 8445 §12).
extension AudioStream {
    /// Sends where connectivity checks have found the peer, and takes nothing from where it has not shown itself, whatever
    /// descriptions say, until ``releaseWay()``.
    ///
    /// - Parameters:
    ///   - remote: where RTP goes, and RTCP when it shares the port; nil while nothing is found: the source waits then.
    ///   - control: where RTCP goes that has a port of its own.
    ///   - sources: where else the peer has shown itself that RTP may come from.
    ///   - controlSources: the same for RTCP with a port of its own.
    public func fixWay(
        to remote: Address?, control: Address?, sources: [Address] = [], controlSources: [Address] = []
    ) {
        latch.fix(to: remote, orFrom: sources)
        controlLatch.fix(to: control, orFrom: controlSources)
    }

    /// Sends where descriptions say again, and follows the peer.
    public func releaseWay() {
        latch.release()
        controlLatch.release()
    }
}
