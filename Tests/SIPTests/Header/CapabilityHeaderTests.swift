import SIP
import Testing

/// Allow, Supported, Require, Proxy-Require and Unsupported (RFC 3261 §19.2, §20.5, §20.29, §20.32, §20.37, §20.40).
@Suite struct CapabilityHeaderTests {
    @Test func allowIsASetOfMethods() throws {
        let methods = try #require(
            sample("Allow: INVITE, ACK, OPTIONS", "Allow: CANCEL,BYE, invite, FOO").allow)
        #expect(methods == [.invite, .ack, .options, .cancel, .bye, .unknown])
        #expect(methods.contains(Method.bye))
        #expect(!methods.contains(Method.register))
        #expect(methods.description == "INVITE, ACK, BYE, CANCEL, OPTIONS")
        #expect(try sample("Allow:").allow == [])
        #expect(try sample("Subject: x").allow == nil)
    }

    @Test func everyMethodHasABitOfItsOwn() {
        #expect(Set(Method.all.map { MethodSet($0).rawValue }).count == 14)
        for method in Method.all { #expect(Method(String(describing: method.text)) == method) }
        for text in ["", "X", "invite", "INVITES", "INVIT", "ACKS", "PRAC\u{0}"] { #expect(Method(text) == .unknown) }
    }

    @Test func aSetIsWrittenAsAllow() {
        var writer = ByteWriter()
        writer.append([.publish, .invite, .unknown] as MethodSet)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(text == "INVITE, PUBLISH")
    }

    @Test func everyOptionTagIsFoundWhateverItsCase() {
        var texts: Set<String> = []
        for raw in 1...UInt8(OptionTag.count) {
            let tag = OptionTag(rawValue: raw)
            #expect(OptionTag(tag.description) == tag)
            #expect(OptionTag(tag.description.uppercased()) == tag)
            texts.insert(tag.description)
        }
        #expect(texts.count == OptionTag.count)
        #expect(OptionTag("100re") == .unknown)
        #expect(OptionTag("foo") == .unknown)
        #expect(OptionTag("") == .unknown)
        #expect(OptionTag("100rel") == .reliableProvisional)
        #expect(OptionTag("tdialog") == .targetDialog)
    }

    @Test func optionTagsOfAHeader() throws {
        let message = try sample("k: 100rel, timer", "Supported: REPLACES, x-own", "Require: path", "Supported:")
        let supported = message.optionTags(.supported)
        #expect(supported == OptionTagSet(.reliableProvisional, .timer, .replaces, .unknown))
        #expect(supported.contains(.timer) && !supported.contains(.path))
        #expect(supported.description == "100rel, replaces, timer")
        #expect(message.optionTags(.require) == [.path])
        #expect(message.optionTags(.proxyRequire).isEmpty)
        #expect(message.values(of: .supported) == ["100rel", "timer", "REPLACES", "x-own"])
        var writer = ByteWriter()
        writer.append(supported.subtracting([.timer]))
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(text == "100rel, replaces")
    }

    /// RFC 3261 §8.2.2.3: a 420 lists what is not supported, as it was asked for.
    @Test(arguments: [
        ("nothingSupportsThis, 100rel", "Unsupported: nothingSupportsThis\r\n"),
        ("100rel, timer, Foo", "Unsupported: timer, Foo\r\n"), ("100REL, path", ""), ("", ""),
    ])
    func unsupported(_ required: String, _ expected: String) throws {
        try sample("Require: \(required)").withView { view in
            var writer = ByteWriter()
            let isWritten = view.writeUnsupported(.require, supported: [.reliableProvisional, .path], into: &writer)
            let text = String(decoding: writer.bytes, as: UTF8.self)
            #expect(text == expected)
            #expect(isWritten == !expected.isEmpty)
        }
    }
}
