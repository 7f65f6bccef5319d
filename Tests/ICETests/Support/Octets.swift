/// Octets of hexadecimal digits; white space parts them as it likes.
func octets(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    return stride(from: 0, to: digits.count, by: 2).map { offset in
        let start = digits.index(digits.startIndex, offsetBy: offset)
        guard let value = UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) else {
            preconditionFailure("no hexadecimal digits: \(text)")
        }
        return value
    }
}
