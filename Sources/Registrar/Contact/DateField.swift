import SIP

/// The Date field of a response (RFC 3261 §20.17), made once for each second.
struct DateField {
    private var moment: WallTime?
    private var text: [UInt8] = []

    /// Writes `Date: Sat, 13 Nov 2010 23:29:00 GMT` with its line end.
    mutating func write(_ now: WallTime, into writer: inout ByteWriter) {
        if moment != now {
            moment = now
            text = Self.text(now)
        }
        writer.append(text)
    }

    private static func text(_ now: WallTime) -> [UInt8] {
        let days = Int(now.seconds / 86_400)
        let second = Int(now.seconds % 86_400)
        let (year, month, day) = date(days)
        var writer = ByteWriter(capacity: 64)
        writer.append("Date: ")
        // 1970-01-01 was a Thursday.
        writer.append(weekdays[(days + 4) % 7])
        writer.append(", ")
        append(day, &writer)
        writer.append(UInt8(ascii: " "))
        writer.append(months[month - 1])
        writer.append(UInt8(ascii: " "))
        writer.append(decimal: year)
        writer.append(UInt8(ascii: " "))
        append(second / 3_600, &writer)
        writer.append(UInt8(ascii: ":"))
        append(second / 60 % 60, &writer)
        writer.append(UInt8(ascii: ":"))
        append(second % 60, &writer)
        writer.append(" GMT\r\n")
        return writer.array
    }

    /// The Gregorian date of a day counted from 1970-01-01: whole years and then whole months are taken off.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        var rest = days
        var year = 1_970
        while rest >= length(ofYear: year) {
            rest -= length(ofYear: year)
            year += 1
        }
        var month = 1
        while rest >= length(ofMonth: month, year) {
            rest -= length(ofMonth: month, year)
            month += 1
        }
        return (year, month, rest + 1)
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func length(ofYear year: Int) -> Int { isLeap(year) ? 366 : 365 }

    private static func length(ofMonth month: Int, _ year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func append(_ number: Int, _ writer: inout ByteWriter) {
        if number < 10 { writer.append(UInt8(ascii: "0")) }
        writer.append(decimal: number)
    }

    private static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
