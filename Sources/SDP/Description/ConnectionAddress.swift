/// The address of an `o=`, `c=` or `a=rtcp` line. RFC 8866 §9, `unicast-address`.
public enum ConnectionAddress: Hashable, Sendable {
    /// An IPv4 address, the first octet in the highest byte.
    case ip4(UInt32)

    /// An IPv6 address, the first octet in the highest byte.
    case ip6(UInt128)

    /// A host name, which someone else must resolve.
    case name(ByteString)

    /// An address of another network than the Internet, as it was written.
    case other(ByteString)

    /// The family that an address is written with.
    public enum Family: Hashable, Sendable {
        /// `IP4`.
        case ip4
        /// `IP6`.
        case ip6
    }

    /// Reads a numeric IPv4 or IPv6 address or a host name; `nil` if the text is none of them.
    ///
    /// The digits decide the family, whatever the address type beside them claims: `IN IP4 2001:db8::1` is seen in the
    /// wild and means what it says.
    public init?(_ text: ByteString) {
        self.init(internet: text.bytes)
    }

    init?(internet text: ArraySlice<UInt8>) {
        if text.contains(.colon) {
            guard let value = IPv6Text.parse(text) else { return nil }
            self = .ip6(value)
        } else if let value = IPv4Text.parse(text) {
            self = .ip4(value)
        } else if ConnectionAddress.isHostName(text) {
            self = .name(ByteString(unchecked: text))
        } else {
            return nil
        }
    }

    /// The family of a numeric address; `nil` for names and other networks.
    public var family: Family? {
        switch self {
        case .ip4: .ip4
        case .ip6: .ip6
        case .name, .other: nil
        }
    }

    /// Whether nothing can be sent to the address: `0.0.0.0` (RFC 3264 §8.4), `::`, or a name under `.invalid`, which
    /// takes their place where IPv6 is spoken (RFC 6157 §4.1, RFC 6761 §6.4).
    public var isUnspecified: Bool {
        switch self {
        case .ip4(let value): value == 0
        case .ip6(let value): value == 0
        case .name(let name):
            ByteString(unchecked: name.bytes.suffix(8)).equalsIgnoringCase(".invalid")
                || name.equalsIgnoringCase("invalid")
        case .other: false
        }
    }

    /// Whether the address is of a multicast group (224.0.0.0/4, ff00::/8).
    public var isMulticast: Bool {
        switch self {
        case .ip4(let value): value >> 28 == 0xE
        case .ip6(let value): value >> 120 == 0xFF
        case .name, .other: false
        }
    }

    /// The text of the address as it stands in a line; IPv6 in the form of RFC 5952.
    public var text: ByteString {
        switch self {
        case .ip4(let value): ByteString(unchecked: ArraySlice(IPv4Text.format(value).utf8))
        case .ip6(let value): ByteString(unchecked: ArraySlice(IPv6Text.format(value).utf8))
        case .name(let name), .other(let name): name
        }
    }

    /// The `<addrtype>` to write beside the address; a name is given as `IP4`, as nearly everyone does.
    var addressType: ByteString {
        if case .ip6 = self { "IP6" } else { "IP4" }
    }

    /// Letters, digits, hyphens and dots (and the underscores of private networks), the last label not all digits:
    /// what a resolver would read as a strange way to write an address is not a name (RFC 1123 §2.1).
    private static func isHostName(_ text: ArraySlice<UInt8>) -> Bool {
        let maximumLength = 255
        guard !text.isEmpty, text.count <= maximumLength else { return false }
        let allowed = text.allSatisfy { $0.isLetter || $0.isDigit || $0 == .hyphen || $0 == .dot || $0 == 0x5F }
        let labels = text.split(separator: .dot)
        return allowed && labels.last.map { !$0.allSatisfy(\.isDigit) } ?? false
    }
}

extension ConnectionAddress: CustomStringConvertible {
    /// The text of the address for people and for name resolution.
    public var description: String { text.description }
}
