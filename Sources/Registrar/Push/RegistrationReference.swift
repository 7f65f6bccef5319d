import Routing
import SIP

/// Makes and reads the references by which requests in a dialog name a registration that push notifications wake, without a table:
/// the PURR of RFC 8599 §6.2.1.
///
/// Each is sealed like a temporary GRUU under keys of its own, around a number that is never the same twice: nobody else can make
/// one, read it, or tell whether two are of one user. It holds as long as a binding asks for the same notifications.
struct RegistrationReference {
    private let sealed: TemporaryGRUU

    init(key: SipHash) { sealed = TemporaryGRUU(key: key.derived(for: "references to registrations")) }

    /// What marks a binding by the notifications that it asks for; nil when it asks for none.
    func mark(contact: UnsafeRawBufferPointer) -> UInt64? {
        guard let target = PushTarget(contact: Array(contact)) else { return nil }
        let text = Array("\(target.provider)\0\(target.resourceID)\0\(target.parameter ?? "")".utf8)
        return text.withUnsafeBytes { sealed.mark(instance: $0, generation: 0) }
    }

    /// Writes a reference.
    ///
    /// - Parameter number: 80 bits that are never the same twice.
    func write(_ content: TemporaryGRUU.Content, number: (UInt64, UInt16), into writer: inout ByteWriter) {
        sealed.writeSealed(content, number: number, into: &writer)
    }

    /// What a reference says; nil when it is none of ours.
    func read(_ text: UnsafeRawBufferPointer) -> TemporaryGRUU.Content? { sealed.readSealed(text) }
}
