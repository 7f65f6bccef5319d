/// What changed between two configurations, and when it takes effect.
public struct ConfigurationDifference: Hashable, Sendable {
    /// A key whose value changed.
    public struct Change: Hashable, Sendable, CustomStringConvertible {
        /// The key, as in `timers.t1`.
        public let key: String

        /// The value before, as it would be written.
        public let before: String

        /// The value now, as it would be written.
        public let after: String

        /// `timers.t1: 500ms → 1s`.
        public var description: String { "\(key): \(before) → \(after)" }
    }

    /// Changes that can take effect while the server runs.
    public internal(set) var reloadable: [Change] = []

    /// Changes that take effect when the server is started again.
    public internal(set) var needingRestart: [Change] = []

    /// Whether nothing changed.
    public var isEmpty: Bool { reloadable.isEmpty && needingRestart.isEmpty }
}

extension ServerConfiguration {
    /// What is different from the configuration that the server runs with, for SIGHUP.
    public func difference(from running: ServerConfiguration) -> ConfigurationDifference {
        var difference = ConfigurationDifference()
        func compare(_ key: ConfigurationKey, _ before: [String], _ after: [String]) {
            guard before != after else { return }
            // What changed is logged.
            let isSecret = ConfigurationSchema.secretKeys.contains(key.name)
            func text(_ values: [String]) -> String { isSecret ? "(secret)" : values.joined(separator: ", ") }
            let change = ConfigurationDifference.Change(key: key.name, before: text(before), after: text(after))
            switch key.effect {
            case .reload: difference.reloadable.append(change)
            case .restart: difference.needingRestart.append(change)
            }
        }
        let served = running.domains.takingOver(domains)
        difference.reloadable += ConfigurationDifference.domains(running.domains, served)
        difference.needingRestart += ConfigurationDifference.domains(served, domains)
        compare(ConfigurationSchema.listeners.key, running.listeners.map(\.description), listeners.map(\.description))
        for setting in ConfigurationSchema.settings {
            compare(setting.key, setting.read(running), setting.read(self))
        }
        return difference
    }

    /// The configuration to go on with after a reload: what can change while the server runs is taken from `new`, the
    /// rest stays.
    public func applyingReloadable(of new: ServerConfiguration) -> ServerConfiguration {
        var result = self
        result.domains = domains.takingOver(new.domains)
        for setting in ConfigurationSchema.settings where setting.key.effect == .reload {
            // What is read from a configuration is always valid.
            try? setting.write(&result, setting.read(new))
        }
        return result
    }
}

extension ConfigurationDifference {
    /// The change from one list of domains to another. Their order says nothing but which is the first.
    fileprivate static func domains(
        _ before: [ServerConfiguration.Domain], _ after: [ServerConfiguration.Domain]
    ) -> [Change] {
        guard Set(before) != Set(after) || before.first?.name != after.first?.name else { return [] }
        return [
            Change(
                key: ConfigurationSchema.domains.key.name, before: before.map(\.summary).joined(separator: ", "),
                after: after.map(\.summary).joined(separator: ", "))
        ]
    }
}

extension [ServerConfiguration.Domain] {
    /// The domains to go on with after a reload. New ones come behind those there are, of which all but
    /// the realm can change; none is taken away, and no realm changes, since bindings and secrets hang on them.
    fileprivate func takingOver(_ new: [ServerConfiguration.Domain]) -> [ServerConfiguration.Domain] {
        var result = self
        for domain in new {
            guard let index = result.firstIndex(where: { $0.name == domain.name }) else {
                result.append(domain)
                continue
            }
            result[index].aliases = domain.aliases
            result[index].isOpen = domain.isOpen
            result[index].mode = domain.mode
            result[index].authentication = domain.authentication
            result[index].redirectedUsers = domain.redirectedUsers
            result[index].serviceRoute = domain.serviceRoute
            result[index].certificate = domain.certificate
            result[index].certificateKey = domain.certificateKey
        }
        return result
    }
}

extension ServerConfiguration.Domain {
    /// Everything about the domain, for a person.
    fileprivate var summary: String {
        var parts = [name]
        if realm != name { parts.append("realm \(realm)") }
        if !aliases.isEmpty { parts.append("aliases \(aliases.joined(separator: " "))") }
        if !isOpen { parts.append("not open") }
        if authentication != .digest { parts.append("authentication \(authentication.rawValue)") }
        if mode != .proxy { parts.append("mode \(mode.rawValue)") }
        if !redirectedUsers.isEmpty { parts.append("redirect \(redirectedUsers.joined(separator: " "))") }
        if !serviceRoute.isEmpty { parts.append("service route \(serviceRoute.joined(separator: " "))") }
        if !certificate.isEmpty { parts.append("certificate \(certificate)") }
        if !certificateKey.isEmpty { parts.append("key \(certificateKey)") }
        return parts.joined(separator: ", ")
    }
}
