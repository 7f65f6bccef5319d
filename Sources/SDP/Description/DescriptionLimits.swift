/// How large a session description may be before it is refused. RFC 8866 sets no limits; these keep a hostile body from
/// costing more than an honest one. The largest descriptions of browsers stay under 16 KiB and 600 lines.
public struct DescriptionLimits: Hashable, Sendable {
    /// Default of ``size``, bytes.
    public static let defaultSize = 64 * 1024
    /// Default of ``lines``.
    public static let defaultLines = 4096
    /// Default of ``mediaDescriptions``.
    public static let defaultMediaDescriptions = 64
    /// Default of ``attributes``.
    public static let defaultAttributes = 512
    /// Default of ``formats``: a payload type has seven bits, so that no honest `m=` line has more.
    public static let defaultFormats = 128

    /// Bytes of the whole description.
    public var size = DescriptionLimits.defaultSize

    /// Lines of the whole description.
    public var lines = DescriptionLimits.defaultLines

    /// `m=` lines.
    public var mediaDescriptions = DescriptionLimits.defaultMediaDescriptions

    /// `a=` lines of the session level, and of each media description.
    public var attributes = DescriptionLimits.defaultAttributes

    /// Formats of an `m=` line.
    public var formats = DescriptionLimits.defaultFormats

    /// The default limits.
    public init() {}
}
