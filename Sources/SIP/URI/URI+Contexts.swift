// What a URI may have depends on where it stands (RFC 3261 §19.1.1, table 1).
extension URI {
    /// The URI as it stands in a Request-URI: without headers and the `method` parameter.
    public var asRequestURI: URI { index.isSIP ? stripped(of: ["method"]) : self }

    /// The URI as it stands in From and To: without headers and the parameters that say how a request travels.
    public var asAddress: URI {
        index.isSIP ? stripped(of: ["method", "transport", "maddr", "ttl", "lr"]) : self
    }

    private func stripped(of names: [String]) -> URI {
        guard !index.headers.isEmpty || parameters.contains(where: { names.contains($0.name.lowercased()) }) else {
            return self
        }
        // Without parameters their place is not told; headers follow "?".
        var text =
            index.parameters.isEmpty
            ? Array(bytes.prefix { $0 != UInt8(ascii: "?") }) : Array(bytes[..<index.parameters.lowerBound])
        let written = bytes[index.parameters.lowerBound..<index.parameters.upperBound]
        for parameter in written.split(separator: UInt8(ascii: ";")) {
            let name = parameter.prefix { $0 != UInt8(ascii: "=") }
            guard !names.contains(where: { name.map(\.lowercased).elementsEqual($0.utf8) }) else { continue }
            text.append(UInt8(ascii: ";"))
            text += parameter
        }
        // Parts of a URI put together again in order are one.
        return (try? URI(text)) ?? self
    }
}
