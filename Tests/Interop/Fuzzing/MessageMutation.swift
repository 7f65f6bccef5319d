import Foundation

/// Changes messages as no well-behaved client would write them; the same seed makes the same changes.
struct MessageMutation {
    var generator: SeededGenerator

    /// Values that have broken servers: empty, endless, out of range, of another grammar.
    private static let nasty = [
        "", " ", "0", "-1", "4294967296", "99999999999999999999", "\"", "<", ">", "<sip:", "sip:", "sips:@", "*", ";",
        ",",
        ";;;===", "\u{0}", "%", "%%%00", "[::1", "[", "z9hG4bK", ";tag=", "a;tag=a;tag=b", "<sip:a@b>;q=9", "1 INVITE",
        "INVITE 1", "0 ACK", "SIP/2.0/UDP", "SIP/2.0/UDP :0", "SIP/2.0/TCP 127.0.0.1:1;rport=99999;received=x",
        "<sip:127.0.0.1;lr>", "<sip:127.0.0.1:1;transport=tcp;lr>", "terminated", "active;expires=-5", "presence;id=",
        "\u{1F4DE}", "100rel, timer, \u{7F}", String(repeating: "a", count: 5_000), String(repeating: "(", count: 300),
    ]
    private static let names = [
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route", "Max-Forwards", "Content-Length",
        "Require", "Proxy-Require", "Supported", "Expires", "RAck", "RSeq", "Event", "Replaces", "Refer-To", "Path",
        "Session-Expires", "Min-SE", "Subscription-State", "Authorization", "Accept-Contact", "Request-Disposition",
        "Timestamp", "Join", "Privacy", "History-Info", "Content-Type", "SIP-If-Match",
    ]

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

    mutating func pick<Element>(_ all: [Element]) -> Element { all[Int.random(in: all.indices, using: &generator)] }

    /// A message with one to three changes.
    mutating func mutate(_ message: String) -> [UInt8] {
        var lines = message.components(separatedBy: "\n")
        let head = lines.firstIndex(of: "") ?? lines.count
        for _ in 0..<Int.random(in: 1...3, using: &generator) where head > 2 { change(&lines, head) }
        var bytes = Wire.bytes(lines.joined(separator: "\n"))
        if chance(25) {
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
        }
        if chance(5) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
        return bytes
    }

    private mutating func change(_ lines: inout [String], _ head: Int) {
        let end = min(head, lines.count)
        guard end > 1 else { return }
        let place = Int.random(in: 1..<end, using: &generator)
        let name = String(lines[place].prefix { $0 != ":" })
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: lines.remove(at: place)
        case 1: lines.insert(lines[place], at: place)
        case 2: lines.swapAt(place, Int.random(in: 1..<end, using: &generator))
        case 3: lines[place] = "\(name): \(pick(Self.nasty))"
        case 4: lines.insert("\(pick(Self.names)): \(pick(Self.nasty))", at: place)
        case 5:
            lines[place] += pick([
                ";tag=x", ";branch=z9hG4bKx", ", <sip:a@b>", ";lr", "?a=b", ";expires=1", "\n folded",
            ])
        case 6: lines[place] = lines[place].uppercased()
        case 7:
            // Another number.
            lines[place] = String(
                lines[place].map {
                    $0.isNumber && $0.isASCII ? Character("\(Int.random(in: 0...9, using: &generator))") : $0
                })
        default:
            let methods = ["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "PRACK", "UPDATE", "SUBSCRIBE", "X"]
            let (old, new) = (pick(methods), pick(methods))
            lines[0] = lines[0].replacing(old, with: new)
        }
    }
}
