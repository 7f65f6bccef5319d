// targets: SIP

import SIP

/// Reads the bytes as parameters of a Via, of which those of overload control count. libFuzzer calls it; what it finds is a trap, a
/// read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOverload(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let feedback = read(bytes) else { return 0 }
    if case .loss(let percent) = feedback.limit { check((0...100).contains(percent), "more than all is lost") }
    if case .rate(let rate) = feedback.limit { check(rate >= 0, "a rate is negative") }
    check(feedback.validity >= .zero, "a limit ends before it begins")
    var writer = ByteWriter()
    feedback.write(into: &writer)
    check(read(writer.array) == feedback, "feedback is not read as it was written")
    return 0
}

/// What a response says whose first Via has parameters. The second has them too: they must go, and its own must stay.
private func read(_ parameters: [UInt8]) -> OverloadFeedback? {
    let own = Array("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a".utf8)
    let next = Array(";branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b;oc".utf8)
    let end = Array(";branch=z9hG4bK2\r\n\r\n".utf8)
    guard let message = try? Message(own + parameters + next + parameters + end) else { return nil }
    return message.withView { view in
        guard let via = try? view.topVia else { return nil }
        check(
            via.hasOverloadControl || OverloadAlgorithms(view, via) == [], "a client takes no part and names algorithms"
        )
        let feedback = OverloadFeedback(view, via)
        if let feedback, let sequence = feedback.sequence {
            check(!(sequence < sequence), "a number is less than itself")
        }
        forward(view, nil)
        forward(view, feedback)
        return feedback
    }
}

/// Forwards a response to the second Via, as a proxy does, with feedback of its own.
private func forward(_ view: MessageView, _ feedback: OverloadFeedback?) {
    let before = Array(view.values(of: .via))
    guard before.count == 2, let next = try? view.via(before[1]) else { return }
    let branch = view.text(next.branch)
    var editor = MessageEditor()
    editor.setOverloadFeedback(feedback, of: view)
    var writer = ByteWriter()
    editor.write(view, into: &writer)
    guard let written = try? Message(writer.array) else { return check(false, "what was forwarded is no message") }
    written.withView { view in
        let vias = Array(view.values(of: .via))
        guard vias.count == 2, let via = try? view.via(vias[1]) else { return check(false, "a Via was spoiled") }
        check(via.hasOverloadControl == (feedback != nil), "what stands there is not what was told")
        check(view.text(via.branch) == branch, "a Via has lost its branch")
        if let feedback { check(OverloadFeedback(view, via) == feedback, "the next hop is told something else") }
    }
}
