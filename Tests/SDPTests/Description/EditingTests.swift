import SDP
import Testing

/// Edits touch the lines they name and no others.
@Suite struct EditingTests {
    private func edited(_ text: String, _ edit: (inout SessionDescription) -> Void) throws -> [String] {
        var description = try parse(text)
        edit(&description)
        return lines(description)
    }

    private static let text = """
        v=0
        o=-  1 1 IN IP4 192.0.2.1
        s=-
        t=0 0
        x=kept
        a=tool:x
        m=audio 4000  RTP/AVP 0 8
        a=sendrecv
        a=ptime:20
        c=IN IP4  192.0.2.1
        """

    @Test func relayRewritesAddressAndPort() throws {
        let result = try edited(Self.text) {
            $0.media[0].connection = Connection(.ip4(0xCB00_7105))
            $0.media[0].port = 40_000
        }
        var expected = Self.text.split(separator: "\n").map(String.init)
        expected[6] = "m=audio 40000 RTP/AVP 0 8"
        expected[9] = "c=IN IP4 203.0.113.5"
        #expect(result == expected)
    }

    @Test func missingLinesAreInsertedInOrder() throws {
        let result = try edited(Self.text) {
            $0.connection = Connection(.ip6(1))
            $0.information = "about"
            $0.uri = "http://example.com"
            $0.emails = ["a@example.com", "b@example.com"]
            $0.phones = ["+1 5"]
            $0.bandwidths = [Bandwidth(type: "AS", amount: 80)!]  // AS is a token
            $0.append(Attribute("last")!)  // a token
            $0.media[0].information = "speech"
        }
        #expect(
            result == [
                "v=0", "o=-  1 1 IN IP4 192.0.2.1", "s=-", "i=about", "u=http://example.com", "e=a@example.com",
                "e=b@example.com", "p=+1 5", "c=IN IP6 ::1", "b=AS:80", "t=0 0", "x=kept", "a=tool:x", "a=last",
                "m=audio 4000  RTP/AVP 0 8", "i=speech", "a=sendrecv", "a=ptime:20", "c=IN IP4  192.0.2.1",
            ])
    }

    @Test func linesAreRemoved() throws {
        let result = try edited(Self.text) {
            $0.media[0].connection = nil
            $0.removeAttributes(named: "tool")
            $0.media[0].removeAttributes(named: "ptime")
            $0.name = nil
        }
        #expect(
            result == [
                "v=0", "o=-  1 1 IN IP4 192.0.2.1", "t=0 0", "x=kept", "m=audio 4000  RTP/AVP 0 8", "a=sendrecv",
            ])
    }

    @Test func directionReplacesDirection() throws {
        let result = try edited(Self.text) { $0.media[0].setDirection(.inactive) }
        #expect(result.filter { $0.contains("sendrecv") || $0.contains("inactive") } == ["a=inactive"])
    }

    @Test func originIsWrittenAnew() throws {
        let result = try edited(Self.text) { $0.origin = $0.origin.withVersion(2) }
        #expect(result[1] == "o=- 1 2 IN IP4 192.0.2.1")
    }

    @Test func timesAreReplaced() throws {
        var time = TimeDescription(start: 3_724_394_400, stop: 0)
        time.repeats = [RepeatTimes(interval: .seconds(86_400), activeDuration: .seconds(60), offsets: [.zero])]
        time.zones = [ZoneAdjustment(time: 3_730_928_400, offset: .seconds(-3600))]
        var description = try parse(Self.text)
        description.setTimes([time, TimeDescription()])
        #expect(
            lines(description)[3..<7] == [
                "t=3724394400 0", "r=86400 60 0", "z=3730928400 -3600", "t=0 0",
            ])
        #expect(description.times == [time, TimeDescription()])
    }

    @Test func newLinesEndAsTheOthersDo() throws {
        var description = try SessionDescription(parsing: Array("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n".utf8))
        description.connection = Connection(.ip4(0xC000_0201))
        #expect(description.description == "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n")
    }

    @Test func lineBehindAnOpenLastLine() throws {
        var description = try SessionDescription(parsing: Array("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-".utf8))
        description.append(Attribute("x")!)  // a token
        #expect(description.description == "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\na=x\r\n")
    }
}
