// Typed headers to keep, for user agents.
extension Message {
    /// The media type of the body, nil when none is stated.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var contentType: MediaType? {
        get throws(MessageDefect) {
            try withView { (view) throws(MessageDefect) in try view.contentType.map { MediaType(view, $0) } }
        }
    }

    /// The methods in Allow, nil when there is no such field.
    public var allow: MethodSet? { withView { $0.allow } }

    /// The option tags of a header: Supported, Require, Proxy-Require or Unsupported.
    public func optionTags(_ name: HeaderName) -> OptionTagSet { withView { $0.optionTags(name) } }

    /// The date, nil when it is not there or malformed.
    public var date: SIPDate? { withView { view in (try? view.date).flatMap { $0 } } }

    /// The reasons, in order; malformed ones are left out.
    public var reasons: [Reason] {
        withView { view in view.values(of: .reason).compactMap { try? Reason(view, view.reason($0)) } }
    }

    /// The warnings, in order; malformed ones are left out.
    public var warnings: [Warning] {
        withView { view in view.values(of: .warning).compactMap { try? Warning(view, view.warning($0)) } }
    }

    /// How long to wait before the next attempt, nil when nothing is said or it is malformed.
    public var retryAfter: Duration? {
        withView { view in (try? view.retryAfter).flatMap { $0 }.map { .seconds(Int64($0.seconds)) } }
    }

    /// The value of a header that is text for people, such as Subject or User-Agent, unfolded; nil when it is absent.
    public func text(of name: HeaderName) -> String? { withView { $0.text(of: name) } }
}
