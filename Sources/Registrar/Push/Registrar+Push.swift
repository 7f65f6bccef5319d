import SIP
import SIPEndpoint

// Push notifications (RFC 8599 §5.6.1): this server is registrar and proxy in one.
extension Registrar {
    /// What is done with contacts that speak of push notifications.
    enum PushVerdict {
        /// They are taken; what the answer says stands in `featureCaps`.
        case taken
        /// A service is not known: 555.
        case unknownService
        /// A binding would end before its user agent could be woken: 423.
        case tooBrief
    }

    /// Looks at the contacts of a request. Where a proxy before has said that it sends the notifications, nothing is done.
    ///
    /// - Parameter number: 80 bits of chance, for the references by which requests in dialogs name the registration.
    func examinePush(
        _ plan: inout RegistrationPlan, _ registration: Registration, _ view: MessageView, number: (UInt64, UInt16)
    ) -> PushVerdict {
        featureCaps.removeAll()
        guard plan.changes.contains(where: { $0.push != nil && $0.expires > 0 }) else { return .taken }
        for value in view.values(of: .featureCaps) where view.text(value).lowercased().contains("+sip.pns=") {
            return .taken
        }
        for index in plan.changes.indices {
            guard let push = plan.changes[index].push, plan.changes[index].expires > 0 else { continue }
            let asked = configuration.pushServices.filter { service in
                push.provider.isEmpty || service.withUnsafeBytes { equalIgnoringCase($0, push.provider) }
            }
            guard !asked.isEmpty else { return .unknownService }
            if push.isWanted, !push.provider.isEmpty {
                guard plan.changes[index].expires >= RegistrarConfiguration.leastPushExpires else { return .tooBrief }
                plan.changes[index].wakesByPush = true
            }
            let mark =
                plan.changes[index].wakesByPush
                ? table.registrationReferences.mark(contact: plan.changes[index].contact) : nil
            for service in asked {
                writeFeatureCaps(service, push) {
                    guard let mark else { return }
                    let (shard, tag) = table.place(registration.domain, registration.user)
                    let content = TemporaryGRUU.Content(shard: UInt8(truncatingIfNeeded: shard), tag: tag, mark: mark)
                    $0.append(";+sip.pnspurr=\"")
                    table.registrationReferences.write(
                        content, number: (number.0, number.1 ^ UInt16(truncatingIfNeeded: index)), into: &$0)
                    $0.append("\"")
                }
            }
        }
        return .taken
    }

    /// One field for each service (RFC 8599 §5.4), with what names the registration in dialogs (§6.2.1).
    private func writeFeatureCaps(_ service: [UInt8], _ push: PushContact, _ reference: (inout ByteWriter) -> Void) {
        featureCaps.append("Feature-Caps: *;+sip.pns=\"")
        featureCaps.append(service)
        featureCaps.append("\"")
        if push.isWanted, push.refreshesItself {
            featureCaps.append(";+sip.pnsreg=\"")
            featureCaps.append(decimal: UInt64(RegistrarConfiguration.pushLead + 1))
            featureCaps.append("\"")
        }
        reference(&featureCaps)
        featureCaps.append("\r\n")
    }
}
