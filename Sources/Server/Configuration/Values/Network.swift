extension ServerConfiguration {
    /// A range of addresses: an address and how many of its leading bits count, as in `192.0.2.0/24`.
    public struct Network: Hashable, Sendable, CustomStringConvertible {
        /// The address, 4 or 16 bytes in network order, with the bits after the prefix zero.
        public let address: [UInt8]

        /// How many leading bits count.
        public let prefixLength: Int

        /// Reads `192.0.2.0/24`, `2001:db8::/32`, or a single address; nil for anything else.
        public init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let address = NumericAddress(String(parts[0])) else { return nil }
            let bits = address.bytes.count * 8
            guard let length = parts.count == 1 ? bits : Int(parts[1]), (0...bits).contains(length) else { return nil }
            prefixLength = length
            self.address = address.bytes.enumerated().map { index, byte in
                byte & Self.mask(length - index * 8)
            }
        }

        /// Whether an address of 4 or 16 bytes is in the range; an IPv4 address is never in a range of IPv6.
        public func contains(_ bytes: some Collection<UInt8>) -> Bool {
            guard bytes.count == address.count else { return false }
            return zip(bytes, address).enumerated().allSatisfy { index, pair in
                pair.0 & Self.mask(prefixLength - index * 8) == pair.1
            }
        }

        /// The form that `init` reads.
        public var description: String {
            let groups: String =
                if address.count == 4 {
                    address.map(String.init).joined(separator: ".")
                } else {
                    stride(from: 0, to: 16, by: 2).map {
                        String(Int(address[$0]) << 8 | Int(address[$0 + 1]), radix: 16)
                    }.joined(separator: ":")
                }
            // Read back and written in the one form.
            return "\(NumericAddress(groups)?.canonical ?? groups)/\(prefixLength)"
        }

        /// A byte of which the first `count` bits are set; none below 1, all from 8.
        private static func mask(_ count: Int) -> UInt8 {
            count >= 8 ? 0xFF : count <= 0 ? 0 : ~(0xFF >> UInt8(count))
        }
    }
}
