/// The payload types that have had a meaning on an `m=` line. A number keeps its codec for the whole session, so that
/// late packets are not misread. RFC 3264 §8.3.2.
struct PayloadTypeTable: Sendable {
    private var bindings: [UInt8: Codec] = [:]

    /// Records what was offered or answered. A peer that changes a meaning is taken at its last word.
    mutating func bind(_ formats: [RTPFormat]) {
        for format in formats { bindings[format.payloadType] = format.codec }
    }

    /// Gives each format a number: one that the codec had before, the one that is wished for, the fixed one, or a free
    /// one. `nil` if there are not enough.
    func assign(_ formats: [FormatCapability]) -> [RTPFormat]? {
        let wished = Set(formats.compactMap(\.payloadType))
        var used: Set<UInt8> = []
        var assigned: [RTPFormat] = []
        for format in formats {
            guard let number = number(for: format, used: used, wished: wished) else { return nil }
            used.insert(number)
            assigned.append(RTPFormat(payloadType: number, codec: format.codec, parameters: format.parameters))
        }
        return zip(formats, assigned).map { format, written in
            guard let redundancy = format.redundancy,
                let primary = assigned.first(where: { $0.codec == redundancy.codec })
            else { return written }
            return RTPFormat(
                payloadType: written.payloadType, codec: written.codec,
                parameters: redundancy.parameters(primary.payloadType))
        }
    }

    private func number(for format: FormatCapability, used: Set<UInt8>, wished: Set<UInt8>) -> UInt8? {
        func isFree(_ number: UInt8) -> Bool {
            number <= RTPMap.maximumPayloadType && !used.contains(number)
                && bindings[number].map { $0 == format.codec } ?? true
        }
        if let wish = format.payloadType, bindings[wish] == format.codec, isFree(wish) { return wish }
        let former = bindings.filter { $0.value == format.codec && isFree($0.key) }
        if let number = former.keys.min() { return number }
        if let wish = format.payloadType, isFree(wish) { return wish }
        if let number = StaticPayloadType.number(of: format.codec), isFree(number) { return number }
        let free = [StaticPayloadType.dynamic, StaticPayloadType.unassigned].joined()
        return free.first { isFree($0) && !wished.contains($0) } ?? free.first(where: isFree)
    }
}
