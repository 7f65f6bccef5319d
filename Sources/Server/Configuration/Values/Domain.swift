public import Routing

extension ServerConfiguration {
    /// A domain that the server is responsible for: its registrar and its home proxy.
    public struct Domain: Hashable, Sendable {
        /// The host part of its users' addresses, in lower case; an IPv6 address is in brackets.
        public var name: String

        /// Other host parts that stand for it.
        public var aliases: [String]

        /// Whether callers that are not users of this server may call its users. When false, everyone must authenticate.
        public var isOpen: Bool

        /// What proves who the users of a domain are.
        public enum Authentication: String, CaseIterable, Sendable {
            /// Their passwords.
            case digest
            /// The certificates of their connections.
            case certificate
            /// The certificate where it fits, and else the password.
            case either
            /// Both.
            case both
        }

        /// What proves who its users are.
        public var authentication: Authentication = .digest

        /// What is done with requests for users of a domain.
        public enum Mode: String, CaseIterable, Sendable {
            /// They are forwarded.
            case proxy
            /// They are forwarded to one contact, and no transaction is kept.
            case stateless
            /// Their senders are told the contacts and go there themselves.
            case redirect
        }

        /// What is done with requests for its users.
        public var mode: Mode = .proxy

        /// Whether the media of calls to and from its users goes through the relay.
        public var media: MediaMode = .auto

        /// How the legs of relayed calls that face its users are encrypted.
        public var mediaEncryption: MediaLegEncryption = .pass

        /// Users whose callers are told the contacts, whatever the mode.
        public var redirectedUsers: [String] = []

        /// The URIs that its users' phones are told to send their requests by, in order.
        public var serviceRoute: [String] = []
        /// The PEM file of the certificate chain that is shown to clients who name the domain (RFC 5922 §7.8); empty is that of
        /// all domains.
        public var certificate = ""

        /// The PEM file of its private key; empty is the certificate's file.
        public var certificateKey = ""

        /// The realm that was named; nil is the domain's name.
        var namedRealm: String?

        /// The realm that its users authenticate in (RFC 3261 §22.1). Passwords are kept for a realm: after a change they
        /// must be set anew.
        public var realm: String {
            get { namedRealm ?? name }
            set { namedRealm = newValue }
        }

        /// Makes a domain; the realm is its name unless one is given.
        public init(name: String, realm: String? = nil, aliases: [String] = [], isOpen: Bool = true) {
            self.name = name
            self.aliases = aliases
            self.isOpen = isOpen
            namedRealm = realm
        }

        /// The host part of a SIP address in the form in which it is compared: lower case, IPv6 addresses shortened
        /// and in brackets; nil when it is none (RFC 3261 §25.1 `host`).
        static func canonicalHost(_ text: String) -> String? {
            if text.hasPrefix("["), text.hasSuffix("]") {
                guard let address = NumericAddress(String(text.dropFirst().dropLast())), address.isIPv6 else {
                    return nil
                }
                return "[\(address.canonical)]"
            }
            if let address = NumericAddress(text) { return address.isIPv6 ? nil : address.canonical }
            let labels = text.split(separator: ".", omittingEmptySubsequences: false)
            let isName = labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy(Self.isNameByte)
            }
            // A last label of digits would be a mistyped IPv4 address (RFC 3261 §25.1: toplabel begins with a letter).
            guard isName, text.utf8.count <= 253, labels.last?.utf8.first.map(Self.isDigit) == false else { return nil }
            return text.lowercased()
        }

        private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

        /// Letters, digits, hyphen, and the underscore that some networks use.
        private static func isNameByte(_ byte: UInt8) -> Bool {
            isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
                || byte == 0x5F
        }
    }
}
