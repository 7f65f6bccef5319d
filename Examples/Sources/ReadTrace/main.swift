// Reads SIP messages, one behind the other as on a TCP connection, and says what they are.
//
//     ReadTrace < messages.txt

import Foundation
import SIP

/// Prints what a message says of itself.
func describe(_ message: Message) {
    if let defect = message.defect { return print("not acceptable, would be answered \(defect.status): \(defect)") }
    if message.isRequest {
        print("\(message.method) request of \(message.bytes.count) bytes")
    } else {
        print("response \(message.statusCode.rawValue) \(message.reasonPhrase)")
    }
    for (title, name) in [("from", HeaderName.from), ("to", .to)] {
        if let value = message[name], let address = try? NameAddress(value) {
            print("  \(title) \(address.displayName ?? "") <\(address.uri)>, tag \(address.tag ?? "none")")
        }
    }
    for hop in message.values(of: .via) { print("  via \(hop)") }
    print("  Call-ID \(message[.callID] ?? "none"), CSeq \(message[.cSeq] ?? "none"), body \(message.body.count) bytes")
}

var framer = StreamFramer()
framer.append([UInt8](FileHandle.standardInput.readDataToEndOfFile()))
do {
    while let frame = try framer.next() {
        guard case .message(let bytes) = frame else { continue }
        describe(try Message(bytes, framing: .stream))
    }
    if framer.pendingByteCount > 0 { print("\(framer.pendingByteCount) bytes of an unfinished message are left") }
} catch {
    print("unreadable: \(error)")
    exit(1)
}
