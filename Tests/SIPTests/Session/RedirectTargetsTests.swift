import SIP
import Testing

@Suite struct RedirectTargetsTests {
    private func receive(_ targets: inout RedirectTargets, _ status: Int, _ contact: String) throws {
        try DialogMessages.response(status, contact: contact).withView { targets.receive($0) }
    }

    private func rest(_ targets: inout RedirectTargets) -> [String] {
        var found: [String] = []
        while let next = targets.next() { found.append(next.description) }
        return found
    }

    @Test("RFC 3261 §8.1.3.4: the best first, in the order of the response where they are equal")
    func order() throws {
        var targets = RedirectTargets(try URI("sip:bob@a"))
        try receive(&targets, 302, "<sip:bob@b>;q=0.5, <sip:bob@c>, <sip:bob@d>;q=0.7, <sip:bob@e>")
        #expect(targets.next()?.description == "sip:bob@c")
        try receive(&targets, 300, "<sip:bob@f>;q=0.6")
        #expect(rest(&targets) == ["sip:bob@e", "sip:bob@d", "sip:bob@f", "sip:bob@b"])
    }

    @Test("Each once, however it is written, and without what a Request-URI may not have")
    func once() throws {
        var targets = RedirectTargets(try URI("sip:bob@a"))
        try receive(
            &targets, 301, "<sip:bob@A>, <sip:bob@b;method=INVITE?Subject=x>, <sip:%62ob@B>, <mailto:bob@c>, <tel:+1>")
        #expect(rest(&targets) == ["sip:bob@b"])
        try receive(&targets, 302, "<sip:bob@b>")
        #expect(targets.next() == nil)
    }

    @Test("Other responses redirect nothing", arguments: [305, 380, 486, 200])
    func others(status: Int) throws {
        var targets = RedirectTargets(try URI("sip:bob@a"))
        try receive(&targets, status, "<sip:bob@b>")
        #expect(targets.next() == nil)
    }

    @Test("RFC 3261 §8.1.3.4, RFC 5630 §5.3: SIPS is not redirected to SIP")
    func secure() throws {
        var targets = RedirectTargets(try URI("sips:bob@a"))
        try receive(&targets, 302, "<sip:bob@b>, <sips:bob@c>")
        #expect(rest(&targets) == ["sips:bob@c"])
    }

    @Test("The number of targets is bounded")
    func bounded() throws {
        var targets = RedirectTargets(try URI("sip:bob@a"))
        try receive(&targets, 302, (0..<50).map { "<sip:bob@h\($0)>" }.joined(separator: ", "))
        #expect(rest(&targets).count == RedirectTargets.mostTargets - 1)
    }
}
