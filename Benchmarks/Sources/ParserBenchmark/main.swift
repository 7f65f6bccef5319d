// What parsing, checking, editing and answering one message costs:
//   swift run -c release --package-path Benchmarks ParserBenchmark [name [turns]]
import Measuring
import SIP

let bytes = Array(inviteText.replacing("\n", with: "\r\n").utf8)
precondition(bytes.count == 1_033, "the message has \(bytes.count) bytes")

/// Takes a result so that the work that made it is not left out.
@inline(never)
func keep<T>(_ value: T) { withExtendedLifetime(value) {} }

/// Types the headers that routing looks at.
@inline(never)
func typeRoutingHeaders(_ view: MessageView) -> Int {
    do throws(MessageDefect) {
        let via = try view.topVia
        let from = try view.from
        let to = try view.to
        let callID = try view.callID
        let cSeq = try view.cSeq
        let route = try view.single(.route)
        let routeURI = try view.uri(route.uri)
        let contact = try view.single(.contact)
        let contactURI = try view.uri(contact.uri)
        let requestURI = try view.requestURI
        return Int(via.port) &+ Int(from.tag.count) &+ Int(to.uri.count) &+ Int(callID.count) &+ Int(cSeq.number)
            &+ Int(routeURI.port) &+ Int(contactURI.port) &+ Int(requestURI.host.count)
    } catch {
        fatalError("the message is well formed: \(error)")
    }
}

/// Does what a proxy does to a request that it forwards (RFC 3261 §16.6).
@inline(never)
func forward(_ view: MessageView, _ editor: inout MessageEditor, _ writer: inout ByteWriter) {
    editor.removeAll()
    writer.removeAll()
    editor.push(.via, of: view) {
        $0.append("SIP/2.0/UDP 203.0.113.80:5060;branch=z9hG4bK")
        $0.append(hexadecimal: 0x0123_4567_89AB_CDEF)
    }
    editor.push(.recordRoute, of: view) { $0.append("<sip:203.0.113.80:5060;lr>") }
    let left = ((try? view.maxForwards).flatMap { $0 } ?? 70) - 1
    editor.set(.maxForwards, of: view) { $0.append(decimal: left) }
    editor.replace(view.startLine.uriRange) { $0.append("sip:bob@192.0.2.44:5070") }
    editor.popFirstValue(.route, of: view)
    editor.write(view, into: &writer)
}

func run() {
    let only = CommandLine.arguments.dropFirst().first ?? ""
    var measurement = Measurement()
    // A given number of turns makes one run, for instruction counts under callgrind.
    if let turns = CommandLine.arguments.dropFirst(2).first.flatMap({ Int($0) }) {
        measurement = Measurement(turnsPerRun: turns, runs: 1)
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: bytes)
    let message = UnsafeRawBufferPointer(buffer)
    let limits = MessageLimits()
    var index = MessageIndex()
    var editor = MessageEditor()
    var writer = ByteWriter(capacity: 4_096)

    func measure(_ name: String, _ work: () -> Void) {
        if only.isEmpty || name == only { measurement.measure(name, work) }
    }

    do throws(MessageDefect) { try index.parse(message, limits: limits) } catch { fatalError("\(error)") }
    Measurement.printHeading()
    measure("index") {
        do throws(MessageDefect) { try index.parse(message, limits: limits) } catch { fatalError("\(error)") }
        keep(index.count)
    }
    measure("type") {
        do throws(MessageDefect) { try index.parse(message, limits: limits) } catch { fatalError("\(error)") }
        keep(typeRoutingHeaders(index.view(of: message)))
    }
    measure("validate") { keep(index.view(of: message).validate() == nil) }
    measure("copy") { keep(Message(copying: index.view(of: message))) }
    measure("forward") { forward(index.view(of: message), &editor, &writer) }
    measure("answer") {
        writer.removeAll()
        index.view(of: message).beginResponse(.init(404, toTag: 0x1234_5678), into: &writer)
        MessageView.endResponse(into: &writer)
    }
}

run()
