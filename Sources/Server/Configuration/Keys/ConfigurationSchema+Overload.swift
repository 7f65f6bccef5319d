/// The keys of overload control.
extension ConfigurationSchema {
    static let overload: [Setting<ServerConfiguration>] = {
        let defaults = ServerConfiguration()
        return [
            Setting(
                "overload.shed", \.overload.sheds, .boolean, of: defaults, .restart, source: "RFC 7339 §5.10.2",
                """
                Whether a lane that cannot keep up answers a part of the new requests 503, so that it can serve the others in \
                time. Requests in dialogs, ACK, BYE, CANCEL and PRACK, and emergency calls are not refused.
                """),
            Setting(
                "overload.longest-wait", \.overload.longestWait, .duration(.milliseconds(5)...(.seconds(10))),
                of: defaults, .restart, source: "RFC 7339 §5.3",
                """
                How long messages may wait for a lane; where they wait longer, or are lost for want of room, for three tenths of a \
                second, the lane is overloaded.
                """),
            Setting(
                "overload.feedback", \.overload.givesFeedback, .boolean, of: defaults, .restart,
                source: "RFC 7339 §5.2",
                """
                Whether clients that can reduce what they send (`oc` in their Via) are told how much; they are not refused \
                then. With `no` they are treated like all others.
                """),
            Setting(
                "overload.algorithm", \.overload.algorithm, .choice, of: defaults, .restart,
                source: "RFC 7339 §4.2, RFC 7415 §3.3",
                """
                How they are told: `loss` is so many of a hundred requests, `rate` so many in a second. Clients that cannot \
                keep to a rate are told by `loss`.
                """),
            Setting(
                "overload.offer", \.overload.isOffered, .boolean, of: defaults, .restart, source: "RFC 7339 §5.1",
                """
                Whether this server offers the servers that it sends requests to to say how much it sends, and keeps to that. \
                Requests that may not be sent go to another server of the same name, or are answered 503.
                """),
            Setting(
                "overload.offer-rate", \.overload.offersRate, .boolean, of: defaults, .restart, source: "RFC 7415 §3.3",
                """
                Whether they may say so as a rate too. The offer is then a list in quotes, at whose comma some servers take the \
                Via apart and drop the request: Kamailio 5.6 does.
                """),
            Setting(
                list: "overload.priorities", \.overload.priorities, .word, mayBeEmpty: true, of: defaults, .restart,
                source: "RFC 4412 §3.1, RFC 7339 §5.10.1",
                """
                Values of Resource-Priority, such as `ets.0`, whose requests are refused last. Anyone can write them: name them \
                only where those who may send are trusted.
                """),
            Setting(
                "overload.trial-cost", \.overload.trialCost, .duration(.zero...(.seconds(1))), of: defaults, .restart,
                source: "",
                """
                Time of the processor that each request is made to take, to try what happens under overload; `0s` but in \
                trials.
                """),
        ]
    }()
}
