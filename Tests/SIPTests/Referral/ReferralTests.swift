import SIP
import Testing

@Suite struct ReferralTests {
    @Test(
        "RFC 3891 §6.1: Replaces, its parts in any order",
        arguments: [
            (
                "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", "98732@sip.example.com", "ff87ff",
                "r33th4x0r", false
            ),
            ("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only", "12adf2f34456gs5", "12345", "54321", true),
            ("a@b ; TO-TAG = 1 ; x=y ; From-Tag=2", "a@b", "1", "2", false),
        ])
    func replaces(text: String, callID: String, to: String, from: String, isEarly: Bool) throws {
        let found = try DialogReference(text)
        #expect(found == DialogReference(callID: callID, toTag: to, fromTag: from, isEarlyOnly: isEarly))
        #expect(try DialogReference(found.description) == found)
    }

    @Test("RFC 4538 §7: Target-Dialog has the same with other names")
    func targetDialog() throws {
        let found = try DialogReference(
            targetDialog: "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544")
        #expect(
            found == DialogReference(callID: "fa77as7dad8-sd98ajzz@host.example.com", toTag: "kkaz-", fromTag: "6544"))
        #expect(found.targetDialogValue == "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544")
    }

    @Test(
        "What names no dialog",
        arguments: [
            "", "a@b", "a@b;to-tag=1", "a@b;to-tag=1;from-tag=", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2",
            "a@b;to-tag=1;to-tag=2;from-tag=3", "a@b;to-tag;from-tag=2",
        ])
    func malformed(text: String) {
        #expect(throws: MessageDefect.self) { try DialogReference(text) }
    }

    @Test("RFC 3891 §3: the to-tag is the local one; zero is the tag of a peer without")
    func matching() {
        let id = { (local: String, remote: String) in
            DialogID(callID: Array("c".utf8), localTag: Array(local.utf8), remoteTag: Array(remote.utf8))
        }
        let reference = DialogReference(callID: "c", toTag: "1", fromTag: "2")
        #expect(reference.matches(id("1", "2")))
        #expect(!reference.matches(id("2", "1")))
        #expect(!DialogReference(callID: "C", toTag: "1", fromTag: "2").matches(id("1", "2")))
        #expect(DialogReference(callID: "c", toTag: "1", fromTag: "0").matches(id("1", "")))
        #expect(DialogReference(forPeerOf: id("1", "2")) == DialogReference(callID: "c", toTag: "2", fromTag: "1"))
        #expect(DialogReference(forPeerOf: id("1", "")).toTag == "0")
        #expect(DialogReference(local: id("1", "2")) == reference)
    }

    @Test(
        "RFC 3515 §2.1: the examples of Refer-To",
        arguments: [
            ("sip:alice@atlanta.example.com", "sip:alice@atlanta.example.com", SIP.Method.invite, nil),
            (
                "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>",
                "sip:dave@denver.example.org", .invite, "12345@192.168.118.3;to-tag=12345;from-tag=5FFE-3994"
            ),
            ("<sip:carol@cleveland.example.org;method=SUBSCRIBE>", "sip:carol@cleveland.example.org", .subscribe, nil),
        ])
    func referTo(text: String, uri: String, method: SIP.Method, replaces: String?) throws {
        let target = try ReferTarget(text)
        #expect(target.uri.description == uri)
        #expect(target.method == method)
        #expect(target.replaces?.description == replaces)
        #expect(try ReferTarget(target.description) == target)
    }

    @Test("RFC 3261 §19.1.5: headers that would speak for this side are passed over")
    func headers() throws {
        let target = try ReferTarget("<sip:a@b?From=sip%3Aeve%40c&Call-ID=1&Subject=Hello%20there&Route=%3Csip%3Ac%3E>")
        #expect(target.description == "<sip:a@b?Subject=Hello%20there>")
        #expect(throws: MessageDefect.self) { try ReferTarget("<sip:a@b?Replaces=nonsense>") }
        #expect(throws: MessageDefect.self) { try ReferTarget("sip:a@b?Replaces=nonsense") }
        #expect(throws: MessageDefect.self) { try ReferTarget("*") }
    }

    @Test(
        "RFC 3515 §2.4.5: the first line counts",
        arguments: [
            ("SIP/2.0 100 Trying\r\n", StatusCode(100), "Trying"), ("SIP/2.0 200 OK", 200, "OK"),
            ("sip/2.0 603 \r\nWarning: x\r\n", 603, ""), ("SIP/2.0 486", 486, "Busy Here"),
        ])
    func fragment(text: String, status: StatusCode, reason: String) {
        let found = StatusFragment(Array(text.utf8))
        #expect(found == StatusFragment(status, reason))
    }

    @Test(
        "What is no fragment",
        arguments: [
            "", "SIP/2.0", "SIP/2.0 20 OK", "SIP/2.0 2000 OK", "SIP/2.0 099 x", "INVITE sip:a SIP/2.0", "SIP/2.0 +20 x",
        ])
    func noFragment(text: String) {
        #expect(StatusFragment(Array(text.utf8)) == nil)
    }

    @Test("A fragment is one line")
    func body() {
        #expect(StatusFragment(180).body == Array("SIP/2.0 180 Ringing\r\n".utf8))
    }
}
