import SIP
import Testing

/// One message of a torture test RFC and how it must be treated.
struct TortureCase: Sendable, CustomTestStringConvertible {
    enum Verdict: Sendable {
        /// The message is well formed and nothing stands against it.
        case valid
        /// The message is well formed; the application answers it with this status.
        case refused(StatusCode)
        /// A request that is answered with this status for that defect.
        case defect(MessageDefect.Code, StatusCode, HeaderName)
        /// A response that is dropped for that defect.
        case dropped(MessageDefect.Code, HeaderName)
    }

    let name: String
    /// The section of the RFC that describes the message.
    let section: String
    let verdict: Verdict
    /// What the RFC's prose says about the contents.
    let check: @Sendable (MessageView) throws -> Void

    init(
        _ name: String, _ section: String, _ verdict: Verdict,
        check: @escaping @Sendable (MessageView) throws -> Void = { _ in }
    ) {
        self.name = name
        self.section = section
        self.verdict = verdict
        self.check = check
    }

    var testDescription: String { "\(name) (\(section))" }

    /// Parses the message and compares all that can be said about it.
    func run(_ bytes: [UInt8]) throws {
        let message = try Message(bytes)
        try message.withView { view in
            let defect = message.defect ?? view.validate()
            switch verdict {
            case .valid, .refused:
                #expect(defect == nil, "\(defect.map(\.description) ?? "")")
                roundTrip(view)
            case .defect(let code, let status, let header):
                #expect(view.isRequest)
                let found = try #require(defect)
                #expect(found.code == code, "\(found)")
                #expect(found.status == status, "\(found)")
                #expect(found.header == header, "\(found)")
            case .dropped(let code, let header):
                #expect(!view.isRequest)
                let found = try #require(defect)
                #expect(found.code == code, "\(found)")
                #expect(found.header == header, "\(found)")
            }
            try check(view)
            if view.isRequest { try answer(view, defect) }
        }
    }

    /// Without edits the message leaves as it came.
    private func roundTrip(_ view: MessageView) {
        var writer = ByteWriter()
        let editor = MessageEditor()
        editor.write(view, into: &writer)
        let written = writer.array
        #expect(written == [UInt8](view.bytes))
    }

    /// Every request can be answered, broken or not.
    private func answer(_ view: MessageView, _ defect: MessageDefect?) throws {
        var status: StatusCode = defect?.status ?? 200
        if case .refused(let code) = verdict { status = code }
        var writer = ByteWriter()
        view.beginResponse(.init(status, toTag: 7), into: &writer)
        MessageView.endResponse(into: &writer)
        let response = try Message(writer.array)
        #expect(response.statusCode == status)
        #expect(response.values(of: .via) == view.values(of: .via).map { unfolded(view, $0) })
        #expect(response.body.isEmpty)
    }

    private func unfolded(_ view: MessageView, _ range: ByteRange) -> String {
        let bytes = view.array(range).map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension MessageView {
    /// The values of a header as text.
    func texts(_ name: HeaderName) -> [String] { values(of: name).map { text($0) } }

    /// The value of a header without a registered name.
    func unregistered(_ name: String) -> String? {
        (0..<fieldCount).map { field($0) }.first { $0.name == .other && text($0.nameRange) == name }
            .map { text($0.valueRange) }
    }

    /// The value of a parameter in a run that starts with ";", nil when it is absent, "" when it has none.
    func parameter(_ name: String, in range: ByteRange) -> String? {
        parameters(range).first { text($0.name) == name }.map { text($0.value) }
    }
}
