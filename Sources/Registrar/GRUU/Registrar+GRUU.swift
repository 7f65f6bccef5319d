import Routing
import SIP
import SIPEndpoint

extension Registrar {
    /// Why a contact of an instance is refused (RFC 5627 §5.1): one that is no SIP URI, or the address of record or a GRUU of it
    /// itself, to which requests would come back for ever.
    func instanceDefect(_ changes: [Registration.Change], _ view: MessageView, _ domain: Int) -> StaticString? {
        for change in changes where !change.identity.instance.isEmpty && change.expires > 0 {
            guard change.hasFlow else { return "An Instance Needs A SIP Contact" }
            guard let to = try? view.uri(view.to.uri) else { continue }
            let contact = ContactURI(change.contact)
            let isTemporary = contact.user.map(TemporaryGRUU.hasPrefix) ?? false
            if contact.isEquivalent(to: ContactURI(view.bytes(to.whole)))
                || isTemporary && domains.find(contact.host) == domain
            {
                return "The Contact Is The Address Of Record"
            }
        }
        return nil
    }
}
