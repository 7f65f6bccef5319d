/// One value of Contact, typed in place: an address, its weight and its expiry (RFC 3261 §20.10).
@frozen
public struct ContactIndex: Sendable {
    /// The address; `isWildcard` for the "*" of a REGISTER.
    public var address: AddressIndex
    /// The weight in thousandths, 0 to 1000; 1000 when none is written.
    public var quality = 1_000
    /// The seconds that its parameter states, nil when there is none.
    ///
    /// More than 2**32-1 counts as that, and what is no number counts as 3600 (RFC 3261 §10.2).
    public var expires: UInt32?

    init(_ base: UnsafePointer<UInt8>, _ range: ByteRange) throws(MessageDefect) {
        do throws(MessageDefect) {
            address = try AddressIndex(base, range)
        } catch {
            throw error.located(in: .contact)
        }
        if address.parameters.isEmpty { return }
        for parameter in Parameters(base, address.parameters) {
            switch ShortToken(base, parameter.name) {
            case ShortToken("q"):
                guard let weight = QualityValue.parse(base, parameter.value) else {
                    throw MessageDefect(.headerValue, "The weight is not between 0 and 1", header: .contact)
                }
                quality = weight
            case ShortToken("expires"): expires = Expiry.seconds(base, parameter.value)
            default: break
            }
        }
    }
}

/// How long something is valid, in seconds (RFC 3261 §10.2, §20.19).
public enum Expiry {
    /// What a malformed value stands for (RFC 3261 §10.2.1).
    public static var malformed: UInt32 { 3_600 }

    /// The seconds in a run: more than 2**32-1 counts as that, and what is no number counts as `malformed`.
    static func seconds(_ base: UnsafePointer<UInt8>, _ range: ByteRange) -> UInt32 {
        var cursor = Cursor(base, range)
        guard let number = cursor.takeSaturatingNumber(maximum: UInt64(UInt32.max)), cursor.isAtEnd else {
            return malformed
        }
        return UInt32(truncatingIfNeeded: number)
    }
}

extension MessageView {
    /// A value of Contact.
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public func contact(_ range: ByteRange) throws(MessageDefect) -> ContactIndex { try ContactIndex(base, range) }

    /// The seconds that Expires states, nil when it is not there; a malformed value counts as 3600, and one above 2**32-1 as
    /// that. `expires` is strict.
    public var tolerantExpires: UInt32? { value(of: .expires).map { Expiry.seconds(base, $0) } }

    /// The seconds that are asked for a contact: its own parameter, else Expires, else nil (RFC 3261 §10.3 step 7).
    public func expiry(of contact: ContactIndex) -> UInt32? { contact.expires ?? tolerantExpires }

    /// Min-Expires in seconds, nil when it is not there (RFC 3261 §20.23).
    ///
    /// - Throws: `MessageDefect` with code `headerValue`.
    public var minExpires: Int? {
        get throws(MessageDefect) { try number(.minExpires, maximum: UInt64(UInt32.max)) }
    }
}
