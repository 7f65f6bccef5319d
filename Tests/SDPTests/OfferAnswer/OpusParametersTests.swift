import SDP
import Testing

@Suite struct OpusParametersTests {
    /// RFC 7587 §7, examples 2 and 3.
    @Test func readsTheExamples() {
        let second = OpusParameters(
            "maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; stereo=1; useinbandfec=1; usedtx=0"
        )
        var expected = OpusParameters()
        expected.maximumPlaybackRate = 16_000
        expected.maximumCaptureRate = 16_000
        expected.maximumAverageBitrate = 20_000
        expected.prefersStereo = true
        expected.usesForwardCorrection = true
        #expect(second == expected)
        let third = OpusParameters("stereo=1; sprop-stereo=1")
        #expect(third.prefersStereo && third.sendsStereo && !third.usesForwardCorrection)
    }

    @Test func nothingSaidIsTheDefault() {
        #expect(OpusParameters(nil) == OpusParameters())
        #expect(OpusParameters("") == OpusParameters())
        #expect(OpusParameters().text == nil)
        #expect(OpusParameters().maximumPlaybackRate == 48_000)
        #expect(OpusParameters().maximumAverageBitrate == nil)
    }

    /// Values out of range, text, and what nobody knows.
    @Test(arguments: [
        "maxaveragebitrate=5999", "maxaveragebitrate=510001", "maxaveragebitrate=-1", "maxplaybackrate=7999",
        "maxplaybackrate=96000", "maxplaybackrate=99999999999999999999", "stereo=2", "stereo=yes", "stereo", "cbr=",
        "x-unknown=1", ";;;", "=", "useinbandfec = one",
    ])
    func whatIsOutOfRangeIsIgnored(_ text: String) throws {
        let written = try #require(ByteString(text))
        #expect(OpusParameters(written) == OpusParameters())
    }

    @Test func bothEndsOfTheRangesAreTaken() {
        #expect(OpusParameters("maxaveragebitrate=6000").maximumAverageBitrate == 6000)
        #expect(OpusParameters("maxaveragebitrate=510000").maximumAverageBitrate == 510_000)
        #expect(OpusParameters("MaxPlaybackRate=8000").maximumPlaybackRate == 8000)
    }

    @Test func whatIsWrittenIsReadAgain() {
        var all = OpusParameters()
        all.maximumPlaybackRate = 24_000
        all.maximumCaptureRate = 12_000
        all.maximumAverageBitrate = 30_000
        all.prefersStereo = true
        all.sendsStereo = true
        all.prefersConstantBitrate = true
        all.usesForwardCorrection = true
        all.prefersDiscontinuous = true
        #expect(
            all.text
                == "maxplaybackrate=24000;sprop-maxcapturerate=12000;maxaveragebitrate=30000;stereo=1;sprop-stereo=1;cbr=1;useinbandfec=1;usedtx=1"
        )
        #expect(OpusParameters(all.text) == all)
    }
}
