import SIP

/// A request that holds nothing but those lines.
func sample(_ lines: String...) throws -> Message { try sample(lines) }

func sample(_ lines: [String]) throws -> Message {
    try Message("OPTIONS sip:a@b SIP/2.0\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
}

/// The defect that typing a header throws.
let malformedValue = MessageDefect(.headerValue, "")
