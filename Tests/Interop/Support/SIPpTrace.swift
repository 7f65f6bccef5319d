import TestKit

extension SIPpPeer {
    /// The messages that it has sent, one after another, as it wrote them down.
    var sent: [SentMessage] { logged("sent") }

    /// The messages that it has received.
    var received: [SentMessage] { logged("received") }

    /// Each record of the log is a line of dashes, one that says what became of the message, an empty one, and the message.
    private func logged(_ fate: Substring) -> [SentMessage] {
        var records: [[Substring]] = []
        for line in messages.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            if line.hasPrefix("-----") {
                records.append([])
            } else if !records.isEmpty {
                records[records.count - 1].append(line)
            }
        }
        return records.compactMap { record in
            guard record.first?.split(separator: " ").contains(fate) == true else { return nil }
            return SentMessage(Array(record.dropFirst(2).joined(separator: "\r\n").utf8))
        }
    }
}

extension SentMessage {
    /// The values of a header with a list, fields and commas alike.
    func list(_ name: String) -> [String] {
        values(name).flatMap { $0.split(separator: ",").map { String($0.drop { $0 == " " }) } }
    }
}
