/// A point in time as Date says it: a second of the Gregorian calendar, in GMT (RFC 3261 §20.17).
public struct SIPDate: Hashable, Sendable, Comparable {
    /// Seconds since 1970-01-01 00:00:00 GMT, leap seconds not counted.
    public let secondsSince1970: Int64

    /// The seconds that have a year of four digits: 0000-01-01 to 9999-12-31.
    static var range: ClosedRange<Int64> { -62_167_219_200...253_402_300_799 }

    /// Makes the date of a second; those outside of four-digit years count as the nearest that has one.
    public init(secondsSince1970: Int64) {
        self.secondsSince1970 = min(max(secondsSince1970, Self.range.lowerBound), Self.range.upperBound)
    }

    public static func < (a: SIPDate, b: SIPDate) -> Bool { a.secondsSince1970 < b.secondsSince1970 }

    /// Parses `rfc1123-date`, as `Sat, 13 Nov 2010 23:29:00 GMT`.
    ///
    /// It must be written just so, upper and lower case included, and in GMT. The day of the week is not compared with the
    /// date. Nil for all else.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.length else { return nil }
        var reader = Reader(bytes: bytes)
        guard reader.name(of: Self.weekdays) != nil, reader.skip(", "), let day = reader.number(2), reader.skip(" "),
            let month = reader.name(of: Self.months), reader.skip(" "), let year = reader.number(4), reader.skip(" "),
            let hour = reader.number(2), reader.skip(":"), let minute = reader.number(2), reader.skip(":"),
            let second = reader.number(2), reader.skip(" GMT"), hour < 24, minute < 60, second < 60, day >= 1,
            day <= Self.days(month + 1, year)
        else { return nil }
        let days = Self.daysSince1970(year: year, month: month + 1, day: day)
        secondsSince1970 = Int64(((days * 24 + hour) * 60 + minute) * 60 + second)
    }

    /// Parses a text.
    public init?(_ text: String) {
        var text = text
        guard let date = text.withUTF8({ SIPDate(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = date
    }

    private static let length = 29
    private static let weekdays: StaticString = "MonTueWedThuFriSatSun"
    private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

    /// A position in the text of a date; every step says whether the text went on as it must.
    private struct Reader {
        let bytes: UnsafeRawBufferPointer
        var at = 0

        /// Consumes one of the names of three letters; its place among them.
        mutating func name(of names: StaticString) -> Int? {
            let count = names.utf8CodeUnitCount / 3
            for place in 0..<count {
                let name = names.utf8Start + 3 * place
                if bytes[at] == name[0], bytes[at + 1] == name[1], bytes[at + 2] == name[2] {
                    at += 3
                    return place
                }
            }
            return nil
        }

        mutating func skip(_ text: StaticString) -> Bool {
            for i in 0..<text.utf8CodeUnitCount where bytes[at + i] != text.utf8Start[i] { return false }
            at += text.utf8CodeUnitCount
            return true
        }

        mutating func number(_ digits: Int) -> Int? {
            var value = 0
            for _ in 0..<digits {
                guard bytes[at].isDigit else { return nil }
                value = value * 10 + Int(bytes[at] &- 0x30)
                at += 1
            }
            return value
        }
    }

    // MARK: The calendar

    private static func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    private static func days(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01; years that start in March have their odd day at the end, so that months need no table.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// Year, month and day, the inverse of `daysSince1970`.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let place = (5 * dayOfYear + 2) / 153
        let month = place < 10 ? place + 3 : place - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * place + 2) / 5 + 1)
    }

    /// Appends the value of Date.
    fileprivate func write(into writer: inout ByteWriter) {
        let seconds = Int(secondsSince1970)
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let second = seconds - days * 86_400
        let (year, month, day) = Self.civil(days)
        // 1970-01-01 was a Thursday.
        let weekday = ((days + 3) % 7 + 7) % 7
        writer.append(Self.weekdays.utf8Start + 3 * weekday, 3)
        writer.append(", ")
        Self.append(day, digits: 2, into: &writer)
        writer.append(" ")
        writer.append(Self.months.utf8Start + 3 * (month - 1), 3)
        writer.append(" ")
        Self.append(year, digits: 4, into: &writer)
        writer.append(" ")
        Self.append(second / 3_600, digits: 2, into: &writer)
        writer.append(":")
        Self.append(second / 60 % 60, digits: 2, into: &writer)
        writer.append(":")
        Self.append(second % 60, digits: 2, into: &writer)
        writer.append(" GMT")
    }

    /// The date as reports write it, `2010-11-13T23:29:00Z` (RFC 3339 §5.6).
    public var timestamp: String {
        let seconds = Int(secondsSince1970)
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let second = seconds - days * 86_400
        let (year, month, day) = Self.civil(days)
        var writer = ByteWriter(capacity: 20)
        for (mark, value, digits) in [
            ("", year, 4), ("-", month, 2), ("-", day, 2), ("T", second / 3_600, 2), (":", second / 60 % 60, 2),
            (":", second % 60, 2),
        ] {
            for byte in mark.utf8 { writer.append(byte) }
            Self.append(value, digits: digits, into: &writer)
        }
        writer.append("Z")
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func append(_ value: Int, digits: Int, into writer: inout ByteWriter) {
        var divisor = digits == 4 ? 1_000 : 10
        while divisor > 0 {
            writer.append(UInt8(truncatingIfNeeded: 0x30 + value / divisor % 10))
            divisor /= 10
        }
    }
}

extension SIPDate: CustomStringConvertible {
    public var description: String {
        var writer = ByteWriter(capacity: 64)
        write(into: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension ByteWriter {
    /// Appends the value of Date.
    public mutating func append(_ date: SIPDate) { date.write(into: &self) }
}

extension MessageView {
    /// Date, nil when it is not there.
    ///
    /// - Throws: `MessageDefect` with code `headerValue` for anything but the one form that SIP knows; a message is not to be
    ///   rejected for it unless the date matters (RFC 4475 §3.1.2.12).
    public var date: SIPDate? {
        get throws(MessageDefect) {
            guard let value = value(of: .date) else { return nil }
            guard let date = SIPDate(bytes(value)) else {
                throw MessageDefect(.headerValue, "The date is not in the form of RFC 1123 in GMT", header: .date)
            }
            return date
        }
    }
}
