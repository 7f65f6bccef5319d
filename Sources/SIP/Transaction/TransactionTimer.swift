/// The timers that a transaction runs: the letters of RFC 3261 table 4 and RFC 6026 §8.11, and two that the RFCs describe
/// without giving them a letter.
public enum TransactionTimer: UInt8, CaseIterable, Hashable, Sendable {
    /// Timer A: the INVITE is sent again (RFC 3261 §17.1.1.2), unreliable transports only.
    case a
    /// Timer B: no response to the INVITE at all (RFC 3261 §17.1.1.2).
    case b
    /// Timer C: a proxied INVITE has had no news for too long (RFC 3261 §16.6 item 11, §16.8).
    case c
    /// Timer D: wait for repeated final responses to the INVITE (RFC 3261 §17.1.1.2).
    case d
    /// Timer E: a request other than INVITE is sent again (RFC 3261 §17.1.2.2), unreliable transports only.
    case e
    /// Timer F: no final response to a request other than INVITE (RFC 3261 §17.1.2.2).
    case f
    /// Timer G: the final response to the INVITE is sent again (RFC 3261 §17.2.1), unreliable transports only.
    case g
    /// Timer H: the ACK did not come (RFC 3261 §17.2.1).
    case h
    /// Timer I: wait for repeated ACKs (RFC 3261 §17.2.1).
    case i
    /// Timer J: wait for repeated requests other than INVITE (RFC 3261 §17.2.2).
    case j
    /// Timer K: wait for repeated responses to a request other than INVITE (RFC 3261 §17.1.2.2).
    case k
    /// Timer L: wait for repeated INVITEs after a 2xx was sent (RFC 6026 §7.1).
    case l
    /// Timer M: wait for repeated and further 2xx (RFC 6026 §7.2).
    case m
    /// The moment at which a server that has not answered yet sends 100 (Trying): RFC 3261 §17.2.1 for INVITE,
    /// RFC 4320 §4.1 for other methods.
    case trying
    /// The end of waiting for a final response: at a client after CANCEL (RFC 3261 §9.1), at a server when the client's
    /// Timer F has run out, so that an answer would come too late (RFC 4320 §4.2).
    case expiry
}
