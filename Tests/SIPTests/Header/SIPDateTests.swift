import SIP
import Testing

/// Date (RFC 3261 §20.17).
@Suite struct SIPDateTests {
    /// Seconds as `date --utc --date=… +%s` has them.
    @Test(
        arguments: [
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1), ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Sat, 15 Oct 2005 04:44:56 GMT", 1_129_351_496),
            ("Thu, 01 Mar 1900 00:00:00 GMT", -2_203_891_200), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200), ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
        ] as [(String, Int64)])
    func datesAreReadAndWritten(_ text: String, _ seconds: Int64) {
        #expect(SIPDate(text)?.secondsSince1970 == seconds)
        #expect(SIPDate(secondsSince1970: seconds).description == text)
    }

    @Test(arguments: [
        "", "Fri, 01 Jan 2010 16:00:00 EST", "Fri, 01 Jan 2010 16:00:00 UTC", "Fri, 01 Jan 2010 16:00:00 gmt",
        "fri, 01 Jan 2010 16:00:00 GMT", "Fri, 1 Jan 2010 16:00:00 GMT", "Fri, 01 Jan 10 16:00:00 GMT  ",
        "Fri 01 Jan 2010 16:00:00 GMT ", "Fri, 32 Jan 2010 16:00:00 GMT", "Mon, 29 Feb 2010 16:00:00 GMT",
        "Thu, 29 Feb 1900 16:00:00 GMT", "Fri, 00 Jan 2010 16:00:00 GMT", "Fri, 01 Jan 2010 24:00:00 GMT",
        "Fri, 01 Jan 2010 16:60:00 GMT", "Fri, 01 Jan 2010 16:00:60 GMT", "Fri, 01 Foo 2010 16:00:00 GMT",
        "Fri, 01 Jan 2010 16:00:00 GMT ", "Friday, 01-Jan-10 16:00:00 GMT", "Fri, 31 Apr 2010 16:00:00 GMT",
        "Fri, 01 Jan -010 16:00:00 GMT",
    ])
    func otherFormsAreRefused(_ text: String) throws {
        #expect(SIPDate(text) == nil)
        try sample("Date: x\(text)x").withView { view in
            #expect(throws: malformedValue) { try view.date }
        }
    }

    @Test func everyDayOfFourHundredYearsHasItsDate() throws {
        for day in stride(from: Int64(-141_427), through: 4_670, by: 1) {
            let date = SIPDate(secondsSince1970: day * 86_400 + 43_200)
            let again = try #require(SIPDate(date.description))
            if again != date {
                Issue.record("\(date)")
                return
            }
        }
    }

    @Test func beyondFourDigitsTheNearestCounts() {
        #expect(SIPDate(secondsSince1970: .max).description == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(SIPDate(secondsSince1970: .min).description == "Sat, 01 Jan 0000 00:00:00 GMT")
        #expect(SIPDate(secondsSince1970: 1) < SIPDate(secondsSince1970: 2))
    }

    @Test func theHeaderOfAMessage() throws {
        #expect(try sample("Date: Sat, 13 Nov 2010 23:29:00 GMT").date?.secondsSince1970 == 1_289_690_940)
        #expect(try sample("Date: tomorrow").date == nil)
        #expect(try sample("Subject: x").date == nil)
    }
}
