import SIP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension SIPDate {
    /// The second that it is.
    static var now: SIPDate {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return SIPDate(secondsSince1970: Int64(time.tv_sec))
    }
}
