import Routing
import SIP
import Testing

/// A request with these header lines.
private func request(_ method: String, _ lines: [String]) throws -> Message {
    try Message(
        (["\(method) sip:user@example.com SIP/2.0", "Via: SIP/2.0/UDP a;branch=z9hG4bKx"] + lines + ["", ""]).joined(
            separator: "\r\n"))
}

private func choices(
    _ method: String, _ lines: [String], _ contacts: [String]
) throws -> [CallerPreferences.Choice] {
    try request(method, lines).withView { view in
        CallerPreferences(view).choose(among: contacts.map { Array($0.utf8) })
    }
}

@Suite struct CallerPreferencesTests {
    /// The example of RFC 3841 §7.2.5.
    @Test func theExampleOfTheRFC() throws {
        let found = try choices(
            "INVITE",
            [
                "Reject-Contact: *;actor=\"msg-taker\";video", "Accept-Contact: *;audio;require",
                "Accept-Contact: *;video;explicit", "Accept-Contact: *;methods=\"BYE\";class=\"business\";q=1.0",
            ],
            [
                ";audio;video;methods=\"INVITE,BYE\"", ";audio=\"FALSE\";methods=\"INVITE\";actor=\"msg-taker\"",
                ";audio;actor=\"msg-taker\";methods=\"INVITE\";video", ";audio;methods=\"INVITE,OPTIONS\"", "",
            ])
        #expect(found.map(\.index) == [0, 3, 4])
        #expect(found.map(\.fitness) == [833, 500, 1_000])
    }

    /// Whether a contact that has the parameters is left when it is wanted with `require`.
    @Test(arguments: [
        (";audio", ";audio", true), (";audio=\"FALSE\"", ";audio", false), (";audio=\"!TRUE\"", ";audio", false),
        (";audio=\"!FALSE\"", ";audio", true), (";video", ";audio", true),
        (";methods=\"INVITE,BYE\"", ";methods=\"bye\"", true), (";methods=\"INVITE, BYE\"", ";methods=\"BYE\"", true),
        (";methods=\"INVITE\"", ";methods=\"BYE,MESSAGE\"", false),
        (";methods=\"!BYE\"", ";methods=\"BYE\"", false), (";methods=\"!BYE\"", ";methods=\"INVITE\"", true),
        (";methods=\"BYE\"", ";methods=\"!BYE\"", false), (";methods=\"!BYE\"", ";methods=\"!BYE\"", true),
        (";description=\"<PC>\"", ";description=\"<PC>\"", true),
        (";description=\"<PC>\"", ";description=\"<pc>\"", false),
        (";description=\"<PC>\"", ";description=\"PC\"", false),
        (";priority=\"#>=20\"", ";priority=\"#<=30\"", true), (";priority=\"#>=20\"", ";priority=\"#<=10\"", false),
        (";priority=\"#1:4\"", ";priority=\"#=4\"", true), (";priority=\"#1:4\"", ";priority=\"#4.5:7\"", false),
        (";+sip.range=\"#-4:+5.125\"", ";+sip.range=\"#=-3.5\"", true),
        (";+sip.range=\"!#1:4\"", ";+sip.range=\"#2:3\"", false),
        (";+sip.range=\"!#1:4\"", ";+sip.range=\"#2:5\"", true),
        (";+sip.range=\"#oops\"", ";+sip.range=\"#OOPS\"", true), (";+Sip.Foo=\"a\"", ";+sip.foo=\"b\"", false),
        // What is no feature parameter says nothing; and a base tag comes before its form with "+".
        (";+sip.x;expires=3600", ";audio;q=0.3", true), (";+audio=\"FALSE\";audio", ";audio", true),
        (";+sip.instance=\"<urn:uuid:1>\"", ";+sip.instance=\"<urn:uuid:2>\"", false),
    ])
    func matching(_ contact: String, _ wanted: String, _ isLeft: Bool) throws {
        let found = try choices("INVITE", ["Accept-Contact: *\(wanted);require"], [contact])
        #expect(found.isEmpty == !isLeft)
    }

    /// What a contact does not mention counts as missing with `explicit`, and leads to its loss with `require` as well.
    @Test(
        arguments: [
            ("*;audio;video", 500), ("*;audio;video;explicit", 0), ("*;audio;video;require", 500),
            ("*;audio;video;require;explicit", nil), ("*;audio;explicit;require", 1_000), ("*;video", 0), ("*", 1_000),
            ("*;mobility=\"fixed\"", nil),
        ] as [(String, Int?)])
    func whatIsNotMentioned(_ wanted: String, _ fitness: Int?) throws {
        let lines = ["Accept-Contact: \(wanted)"] + (fitness == nil ? ["Accept-Contact: *;mobility=\"x\";require"] : [])
        let found = try choices("INVITE", lines, [";audio;mobility=\"mobile\""])
        #expect(found.first?.fitness == fitness)
    }

    @Test func onlyWhatIsSaidIsRejected() throws {
        let contacts = [";audio;video", ";audio", ";video=\"FALSE\"", ""]
        #expect(try choices("INVITE", ["Reject-Contact: *;video"], contacts).map(\.index) == [1, 2, 3])
        #expect(try choices("INVITE", ["j: *;video, *;audio"], contacts).map(\.index) == [2, 3])
        // No feature rejects nobody.
        #expect(try choices("INVITE", ["Reject-Contact: *"], contacts).count == 4)
    }

    /// RFC 3841 §7.2.2: the method and the event package are wanted; who can neither is tried when there is nobody else.
    @Test func whatTheRequestImplies() throws {
        let contacts = [
            ";methods=\"INVITE,ACK\"", ";methods=\"MESSAGE\"", ";audio", ";methods=\"SUBSCRIBE\";events=\"dialog\"",
        ]
        #expect(try choices("INVITE", [], contacts).map(\.index) == [0, 2])
        #expect(try choices("MESSAGE", [], contacts).map(\.index) == [1, 2])
        #expect(try choices("SUBSCRIBE", ["Event: dialog;id=1"], contacts).map(\.index) == [2, 3])
        #expect(try choices("SUBSCRIBE", ["Event: presence"], contacts).map(\.index) == [2])
        let refused = try choices("MESSAGE", [], [contacts[0]])
        #expect(refused.map(\.index) == [0])
        // With wishes of the caller's own nobody may be left.
        #expect(try choices("MESSAGE", ["Accept-Contact: *;methods=\"MESSAGE\";require"], [contacts[0]]).isEmpty)
    }

    @Test func malformedValuesDoNoHarm() throws {
        let contacts = [";audio;=;;\"", ";audio=\"", ";+", ";methods=\",,!,\"", ";priority=\"#9:1\""]
        for wanted in [";;audio", ";audio=\"<\"", ";methods=\"!!BYE\"", "", ";priority=\"#:\""] {
            _ = try choices("INVITE", ["Accept-Contact: *\(wanted);require", "Reject-Contact: \(wanted)"], contacts)
        }
    }
}

@Suite struct RequestDispositionTests {
    @Test(
        arguments: [
            ("proxy, cancel, fork, recurse, queue", []), ("redirect", .redirect), ("No-Cancel", .keepsLosers),
            ("no-fork, sequential", [.oneContact, .sequential]), ("no-recurse", .followsNothing),
            ("parallel, sequential", .parallel), ("proxy, redirect", []), ("unheard-of", []),
        ] as [(String, RequestDisposition)])
    func directives(_ text: String, _ expected: RequestDisposition) throws {
        let found = try request("INVITE", ["Request-Disposition: \(text)"]).withView { RequestDisposition($0) }
        #expect(found == expected)
    }

    @Test func noneIsUsual() throws {
        #expect(try request("INVITE", []).withView { RequestDisposition($0) } == [])
    }
}
