import SIP
import Testing

@Suite struct MessageEditorTests {
    private func edited(_ message: Message, _ edit: (inout MessageEditor, MessageView) -> Void) -> String {
        var editor = MessageEditor()
        var writer = ByteWriter()
        message.withView { view in
            edit(&editor, view)
            editor.write(view, into: &writer)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func withoutEditsTheBytesAreTheSame() throws {
        let bytes = wire(invite)
        #expect(edited(try Message(bytes)) { _, _ in } == String(decoding: bytes, as: UTF8.self))
    }

    @Test func onlyWhatIsEditedChanges() throws {
        let message = try Message(wire(invite))
        let text = edited(message) { editor, view in
            editor.push(.via, of: view) { $0.append("SIP/2.0/UDP proxy;branch=z9hG4bK1") }
            editor.set(.maxForwards, of: view) { $0.append(decimal: 69) }
            editor.replace(view.startLine.uriRange) { $0.append("sip:bob@192.0.2.4") }
            editor.popFirstValue(.route, of: view)
            editor.add(.reason, of: view) { $0.append("SIP;cause=200") }
        }
        let expected = String(decoding: wire(invite), as: UTF8.self)
            .replacing(
                "sip:bob@biloxi.example.com SIP/2.0\r\n",
                with: "sip:bob@192.0.2.4 SIP/2.0\r\nVia: SIP/2.0/UDP proxy;branch=z9hG4bK1\r\n"
            )
            .replacing("Max-Forwards: 70", with: "Max-Forwards: 69")
            .replacing("Route: <sip:p1.example.com;lr>, ", with: "Route: ")
            .replacing("Content-Length: 4\r\n", with: "Content-Length: 4\r\nReason: SIP;cause=200\r\n")
            .replacing("EXTRA", with: "")
        #expect(text == expected)
    }

    @Test func poppingTheOnlyValueRemovesTheField() throws {
        let message = try Message("BYE sip:a@b SIP/2.0\r\nRoute: <sip:x;lr>\r\nVia: SIP/2.0/UDP a\r\n\r\n")
        #expect(
            edited(message) { $0.popFirstValue(.route, of: $1) } == "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n")
    }

    @Test func aNewBodyCorrectsItsLength() throws {
        let message = try Message(wire(invite))
        let text = edited(message) { editor, view in
            Array("0123456789".utf8).withUnsafeBytes { editor.setBody($0, of: view) }
        }
        #expect(text.hasSuffix("Content-Length: 10\r\n\r\n0123456789"))
    }

    @Test func aResponseCopiesWhatItMust() throws {
        let message = try Message(wire(invite))
        var writer = ByteWriter()
        Array("192.0.2.7".utf8).withUnsafeBytes { source in
            message.withView { view in
                view.beginResponse(
                    .init(486, toTag: 0xAB, received: source, receivedPort: 40_000), into: &writer)
                MessageView.endResponse(into: &writer)
            }
        }
        let expected = wire(
            """
            SIP/2.0 486 Busy Here
            Via: SIP/2.0/UDP pc33.atlanta.example.com:5066;branch=z9hG4bK776asdhds;rport=40000;received=192.0.2.7
            To: Bob <sip:bob@biloxi.example.com>;tag=00000000000000ab
            From: "Alice \\"A\\"" <sip:alice@atlanta.example.com>;tag=1928301774
            Call-ID: a84b4c76e66710@pc33.atlanta.example.com
            CSeq: 314159 INVITE
            Content-Length: 0


            """)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(text == String(decoding: expected, as: UTF8.self))
    }

    @Test func lentMemoryThatIsTooSmallIsNoticed() {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
        defer { memory.deallocate() }
        var writer = ByteWriter(into: memory)
        writer.append("abc")
        let early = writer.overflowed
        #expect(!early)
        writer.append("de")
        let late = writer.overflowed
        #expect(late)
        let written = writer.array
        #expect(written == Array("abc".utf8))
    }

    @Test(arguments: [0, 9, 10, 99, 100, 65_535, UInt64.max])
    func numbersAreWrittenInDecimal(_ value: UInt64) {
        var writer = ByteWriter()
        writer.append(decimal: value)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(text == String(value))
    }
}
