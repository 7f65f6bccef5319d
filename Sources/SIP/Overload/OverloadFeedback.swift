/// What a server tells a client about how much to send, in the topmost Via of a response (RFC 7339 §4, §5.2).
public struct OverloadFeedback: Sendable, Hashable {
    /// How the client is to reduce what it sends.
    public enum Limit: Sendable, Hashable {
        /// Percent of the requests that are not to be sent, 0 to 100.
        case loss(Int)
        /// Requests in a second at most.
        case rate(Int)
    }

    /// The limit.
    public var limit: Limit
    /// How long it holds; zero ends it, or says that there is none.
    public var validity: Duration
    /// Its place among all that the server tells; nil when it names none.
    public var sequence: OverloadSequence?

    /// How long a limit holds that does not say so.
    public static let defaultValidity: Duration = .milliseconds(500)

    public init(_ limit: Limit, validity: Duration, sequence: OverloadSequence?) {
        self.limit = limit
        self.validity = validity
        self.sequence = sequence
    }

    /// Reads it from our own Via; nil when the server takes no part or what it says is of no use.
    public init?(_ view: MessageView, _ via: ViaIndex) {
        guard via.hasOverloadControl else { return nil }
        let found = OverloadParameters(view, via)
        // A server that takes no part leaves `oc` without a value. Without `oc` a validity other than zero is to be put aside.
        guard let value = found.value ?? (found.validity == 0 ? 0 : nil) else { return nil }
        limit = found.algorithms == .rate ? .rate(value) : .loss(min(value, 100))
        validity = found.validity.map { .milliseconds($0) } ?? Self.defaultValidity
        sequence = found.sequence
    }

    /// Writes the parameters, beginning with ";".
    public func write(into writer: inout ByteWriter) {
        switch limit {
        case .loss(let percent):
            writer.append(";oc=")
            writer.append(decimal: percent)
            writer.append(";oc-algo=\"loss\"")
        case .rate(let rate):
            writer.append(";oc=")
            writer.append(decimal: rate)
            writer.append(";oc-algo=\"rate\"")
        }
        let (seconds, attoseconds) = validity.components
        writer.append(";oc-validity=")
        writer.append(decimal: UInt64(max(0, seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000)))
        if let sequence {
            writer.append(";oc-seq=")
            sequence.write(into: &writer)
        }
    }
}

extension MessageEditor {
    /// Puts what the client is told into its Via, which becomes the topmost one of a forwarded response, and takes away what a server
    /// behind us has put there (RFC 7339 §5.2, §5.4).
    public mutating func setOverloadFeedback(_ feedback: OverloadFeedback?, of view: MessageView) {
        var vias = view.values(of: .via)
        guard vias.next() != nil, let value = vias.next() else { return }
        if Self.mayHaveOverloadControl(view.bytes(value)), let via = try? ViaIndex(view.base, value) {
            replace(via.whole) { writer in
                view.writeViaWithoutOverload(via, into: &writer)
                feedback?.write(into: &writer)
            }
        } else if let feedback {
            insert(at: value.upperBound) { feedback.write(into: &$0) }
        }
    }

    /// Whether the bytes "oc" stand behind a ";" or white space: looked for before a Via is read for it.
    private static func mayHaveOverloadControl(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 3 else { return false }
        for i in 1..<bytes.count &- 1
        where bytes[i] | 0x20 == UInt8(ascii: "o") && bytes[i &+ 1] | 0x20 == UInt8(ascii: "c") {
            let before = bytes[i &- 1]
            if before == UInt8(ascii: ";") || before.isLinearWhitespace { return true }
        }
        return false
    }
}
