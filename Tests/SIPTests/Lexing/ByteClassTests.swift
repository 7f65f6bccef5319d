import Testing

@testable import SIP

@Suite struct ByteClassTests {
    private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    private static let alphanumeric = letters + "0123456789"
    private static let unreserved = alphanumeric + "-_.!~*'()"

    /// Each class, the set that says the same, and the characters of RFC 3261 §25.1.
    private static let rows: [(ByteClass, ByteSet?, String)] = [
        (.token, .token, alphanumeric + "-.!%*_+`'~"),
        (.host, .host, alphanumeric + "-._"),
        (.user, nil, unreserved + "&=+$,;?/" + "#"),
        (.uriParameters, nil, unreserved + "[]/:&+$" + ";="),
        (.parameterValue, .parameterValue, alphanumeric + "-.!%*_+`'~" + "[]:"),
        (.hex, .hex, "0123456789abcdefABCDEF"),
        (.listSign, nil, "\"<>,"),
    ]

    @Test(arguments: rows.indices)
    func classesHoldTheirCharacters(_ row: Int) {
        let (characters, set, text) = Self.rows[row]
        let expected = Set(text.utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(characters.contains(byte) == expected.contains(byte), "\(byte)")
            if let set { #expect(set.contains(byte) == expected.contains(byte), "\(byte)") }
        }
    }

    @Test func setsHoldTheirCharacters() {
        let rows: [(ByteSet, String)] = [
            (.word, Self.alphanumeric + "-.!%*_+`'~()<>:\\\"/[]?{}"), (.user, Self.unreserved + "&=+$,;?/#%"),
            (.password, Self.unreserved + "&=+$,%"), (.uriParameter, Self.unreserved + "[]/:&+$%"),
            (.uriHeader, Self.unreserved + "[]/?:+$%&="),
        ]
        for (set, text) in rows {
            let expected = Set(text.utf8)
            for byte in UInt8.min...UInt8.max { #expect(set.contains(byte) == expected.contains(byte), "\(byte)") }
        }
    }

    @Test func shortTokensAreEqualWhateverTheirCase() {
        func token(_ text: String) -> ShortToken {
            let bytes = Array(text.utf8)
            return bytes.withUnsafeBufferPointer { ShortToken($0.baseAddress!, $0.count) }
        }
        let names = ["a", "ab", "abc", "tag", "abcd", "rport", "branch", "abcdefg", "received", "b2-.!%*_"]
        for name in names {
            #expect(token(name.uppercased()) == token(name))
            for other in names where other != name { #expect(token(other) != token(name)) }
        }
        #expect(token("branch") == ShortToken("branch"))
        #expect(token("RECEIVED") == ShortToken("received"))
        #expect(token("received2") != ShortToken("received"))
    }
}
