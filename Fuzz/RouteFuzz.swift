// targets: SIP
// sources: Sources/Proxy/RouteToken.swift Sources/Proxy/RoutePlan.swift Sources/Proxy/PreloadedRoute.swift Sources/Proxy/Outbound/FlowToken.swift Sources/SIPEndpoint/Transport/Flow.swift Sources/Reactor/Address/TransportAddress.swift Sources/Reactor/Address/TransportAddress+Text.swift Sources/Reactor/Address/TransportAddress+Parsing.swift
// empty: Reactor SIPEndpoint

import SIP

private let key = SipHash(key: 1, 2)
private let callID = Array("fuzz".utf8)

/// Reads the bytes as what a proxy finds of its own in Route and in the Request-URI, or as the Path of a binding; the first byte
/// chooses. libFuzzer calls it; what it finds is a trap, a read outside of the buffer, or a failed check below.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRoute(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let value = Array(bytes.dropFirst())
    switch first % 5 {
    // Nobody without the key gets further than its hash.
    case 0: check(readToken(value, callID) == nil, "a token was made without its key")
    case 1: readSigned(value)
    case 2: readPlan(value, token: [])
    case 3: readPlan(value, token: signed(Array(value.prefix(10)), callID))
    default: readPreloaded(value)
    }
    return 0
}

private func readToken(_ text: [UInt8], _ callID: [UInt8]) -> RouteToken? {
    text.withUnsafeBytes { text in callID.withUnsafeBytes { RouteToken(text, callID: $0, key: key) } }
}

/// A token whose hash is right, whatever it says.
private func signed(_ content: [UInt8], _ callID: [UInt8]) -> [UInt8] {
    let proof = (content + callID).withUnsafeBytes { key($0).0 }
    let all = content + (0..<8).map { UInt8(truncatingIfNeeded: proof >> UInt64(56 - 8 * $0)) }
    let digits = Array("0123456789abcdef".utf8)
    return [UInt8(ascii: "i")] + all.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
}

private func readSigned(_ content: [UInt8]) {
    if let token = readToken(signed(content, callID), callID) {
        check(content.count >= 3, "a token was read from nothing")
        var writer = ByteWriter()
        callID.withUnsafeBytes { token.write(callID: $0, key: key, into: &writer) }
        check(writer.array.count <= 1 + RouteToken.longestText, "a token is longer than any may be")
        check(readToken(writer.array, callID) == token, "a token is not read as it was written")
        check(readToken(writer.array, callID + [0]) == nil, "a token holds for another call")
    }
    let context = Array("\0flow".utf8)
    let flow = signed(content, context).withUnsafeBytes { FlowToken.read($0, key: key) }
    if let flow {
        var writer = ByteWriter()
        FlowToken.write(flow, key: key, into: &writer)
        let again = writer.array.withUnsafeBytes { FlowToken.read($0, key: key) }
        check(again == flow, "a flow is not read as it was written")
        check(readToken(writer.array, callID) == nil, "the token of a flow holds for a call")
    }
}

/// A request by way of us, with a Route that holds the value.
private func readPlan(_ value: [UInt8], token: [UInt8]) {
    let user = token.isEmpty ? Array("x".utf8) : token
    let head =
        "BYE sip:\(String(decoding: user, as: UTF8.self))@ours SIP/2.0\r\nVia: SIP/2.0/UDP c\r\nCall-ID: fuzz\r\nRoute: "
    let own = Array("<sip:".utf8) + user + Array("@ours;lr>,".utf8)
    guard let message = try? Message(Array(head.utf8) + (token.isEmpty ? [] : own) + value + Array("\r\n\r\n".utf8))
    else {
        return
    }
    message.withView { view in
        func isOurs(_ uri: URIIndex) -> Bool { view.text(uri.host) == "ours" }
        guard let plan = try? RoutePlan(view, key: key, isOurs: isOurs) else { return }
        check(plan.hasNext == (plan.nextURI != nil), "the next hop has no URI")
        check(plan.ownValues > 0 || plan.flow == nil && !plan.hasForgedToken, "a value that is not there is ours")
        if let next = plan.nextURI { check(!isOurs(next), "the next hop is us") }
        if plan.hasNext { check(plan.last != nil, "there is a next value and no last one") }
        if plan.requestURIIsOurs { check(plan.token != nil, "the Request-URI is ours and has no token") }
    }
}

private func readPreloaded(_ list: [UInt8]) {
    guard let route = PreloadedRoute(list) else { return }
    check(route.first.index.isSIP, "the first value is no SIP URI")
    check(list.suffix(route.rest.count) == route.rest, "the rest is not the end")
    check(route.rest.first.map { $0 == UInt8(ascii: "<") } ?? true, "the rest begins in the middle of a value")
    var writer = ByteWriter()
    let target = Array("sip:phone@target".utf8)
    route.write(to: target, into: &writer)
    let written = writer.array
    check(written.starts(with: Array("Route: <".utf8)) && written.suffix(2) == [13, 10], "no Route was written")
    let end = Array("<sip:phone@target>\r\n".utf8)
    check(route.isLoose || written.suffix(end.count).elementsEqual(end), "a strict router was not told the target")
}
