/// The `o=` line: who made the description, of which session, and in which version. RFC 8866 §5.2.
public struct Origin: Hashable, Sendable {
    /// Login of the originator, or `-`.
    public let username: ByteString

    /// Identifier of the session; with the other members but the version it is globally unique. Digits, but compared as
    /// text, since some senders exceed 64 bits.
    public let sessionID: ByteString

    /// Version of this description, as it was written.
    public let sessionVersion: ByteString

    /// `<nettype>`: `IN` for the Internet.
    public let networkType: ByteString

    /// `<addrtype>`: `IP4` or `IP6`.
    public let addressType: ByteString

    /// The originator's machine, as it was written; not where media goes.
    public let address: ByteString

    /// Makes an origin on the Internet. A username that is empty or holds white space, which the grammar forbids, is
    /// written as `-`.
    public init(
        username: ByteString = "-", sessionID: UInt64, sessionVersion: UInt64, address: ConnectionAddress
    ) {
        self.username = username.bytes.isVisible ? username : "-"
        self.sessionID = ByteString(sessionID)
        self.sessionVersion = ByteString(sessionVersion)
        networkType = "IN"
        addressType = address.addressType
        self.address = address.text
    }

    private init(_ other: Origin, version: UInt64) {
        username = other.username
        sessionID = other.sessionID
        sessionVersion = ByteString(version)
        networkType = other.networkType
        addressType = other.addressType
        address = other.address
    }

    /// The same origin in another version.
    public func withVersion(_ version: UInt64) -> Origin {
        Origin(self, version: version)
    }

    /// Reads the value of an `o=` line; `nil` if it has not its six subfields. The identifier and the version may be any
    /// visible text: nothing is computed from those of a peer.
    public init?(_ value: ByteString) {
        let fields = value.bytes.fields
        guard fields.count == 6, fields[3].isToken, fields[4].isToken else { return nil }
        guard fields.allSatisfy(\.isVisible) else { return nil }
        username = ByteString(unchecked: fields[0])
        sessionID = ByteString(unchecked: fields[1])
        sessionVersion = ByteString(unchecked: fields[2])
        networkType = ByteString(unchecked: fields[3])
        addressType = ByteString(unchecked: fields[4])
        address = ByteString(unchecked: fields[5])
    }

    /// The version as a number, if it is one of at most 64 bits.
    public var versionNumber: UInt64? { sessionVersion.bytes.decimal() }

    /// Whether both name the same session, in whatever version.
    public func isSameSession(as other: Origin) -> Bool {
        username == other.username && sessionID == other.sessionID && networkType == other.networkType
            && addressType == other.addressType && address == other.address
    }

    /// The value of the line.
    public var value: ByteString {
        let fields = [username, sessionID, sessionVersion, networkType, addressType, address]
        return ByteString(unchecked: ArraySlice(fields.map(\.bytes).joined(separator: [.space])))
    }
}
