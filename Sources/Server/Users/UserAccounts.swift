import Routing
import Store

/// The users of a server for those who run it: kept in the database, and in the directory of a server that runs.
struct UserAccounts: Sendable {
    /// The database; nil when nothing outlives the server.
    let database: Database?
    /// The directory of the running server; nil when none runs.
    let directory: UserDirectory?
    /// The domains of the running server, or of its configuration; nil when none is known, and any is taken as it is.
    let domains: [ServerConfiguration.Domain]?

    /// Adds a user.
    func add(_ address: UserAddress, password: String, displayName: String) async throws(ServerError) {
        let domain = try domain(of: address)
        let record = UserRecord(name: address.name, domain: domain.name, displayName: displayName)
        let credentials = try credentials(address, domain, password)
        if let database {
            do throws(StoreError) {
                try await database.addUser(record, credentials: credentials)
            } catch {
                throw ServerError(error)
            }
        } else if let directory, directory.contains(address.name, domain: domain.index) {
            throw ServerError(
                .refused, "\(address) is there already", remedy: "to change the password: ito user password \(address)")
        }
        directory?.set(
            address.name, domain: domain.index, UserDirectory.Entry(credentials, displayName: displayName))
    }

    /// Gives a user another password.
    func setPassword(_ address: UserAddress, password: String) async throws(ServerError) {
        let domain = try domain(of: address)
        let credentials = try credentials(address, domain, password)
        if let database {
            do throws(StoreError) {
                try await database.setCredentials(credentials, of: address.name, at: domain.name)
            } catch {
                throw ServerError(error)
            }
        } else if let directory, !directory.contains(address.name, domain: domain.index) {
            throw unknown(address)
        }
        let displayName = directory?.displayName(of: address.name, domain: domain.index) ?? ""
        directory?.set(
            address.name, domain: domain.index, UserDirectory.Entry(credentials, displayName: displayName))
    }

    /// Removes a user.
    ///
    /// - Returns: the index of the domain, for who holds bindings of the user.
    @discardableResult
    func remove(_ address: UserAddress) async throws(ServerError) -> Int {
        let domain = try domain(of: address)
        if let database {
            do throws(StoreError) {
                try await database.removeUser(address.name, at: domain.name)
            } catch {
                throw ServerError(error)
            }
            directory?.remove(address.name, domain: domain.index)
        } else if let directory, !directory.remove(address.name, domain: domain.index) {
            throw unknown(address)
        }
        return domain.index
    }

    /// All users, by domain and name.
    func list() async throws(ServerError) -> [ControlResponse.User] {
        guard let database else {
            let names = domains?.map(\.name) ?? []
            return (directory?.all ?? []).map {
                ControlResponse.User(
                    address: "\($0.name)@\(names.indices.contains($0.domain) ? names[$0.domain] : "")",
                    name: $0.displayName, isEnabled: true)
            }
        }
        do throws(StoreError) {
            return try await database.users().map {
                ControlResponse.User(address: $0.address, name: $0.displayName, isEnabled: $0.isEnabled)
            }
        } catch {
            throw ServerError(error)
        }
    }

    /// Loads the directory from the database.
    ///
    /// - Parameter first: the index of the first domain whose users are loaded; those before it are there already.
    /// - Returns: how many users were loaded, and how many could not be: of domains or realms that are none of ours.
    static func load(
        _ directory: UserDirectory, from database: Database, domains: [ServerConfiguration.Domain], first: Int = 0
    ) async throws(ServerError) -> (loaded: Int, foreign: Int) {
        let indexes = Dictionary(uniqueKeysWithValues: domains.enumerated().map { ($0.element.name, $0.offset) })
        let realms = domains.map(\.realm)
        do throws(StoreError) {
            let total = try await database.loadUsers { batch in
                for stored in batch where stored.user.isEnabled {
                    guard let index = indexes[stored.user.domain], index >= first else { continue }
                    let credentials = stored.credentials.filter {
                        $0.realm == realms[index] && $0.username == stored.user.name
                    }
                    directory.set(
                        stored.user.name, domain: index,
                        UserDirectory.Entry(credentials, displayName: stored.user.displayName))
                }
            }
            return (directory.count, total - directory.count)
        } catch {
            throw ServerError(error)
        }
    }

    private func domain(of address: UserAddress) throws(ServerError) -> (index: Int, name: String, realm: String) {
        guard let domains else { return (0, address.domain, address.domain) }
        for (index, domain) in domains.enumerated() where ([domain.name] + domain.aliases).contains(address.domain) {
            return (index, domain.name, domain.realm)
        }
        let names = domains.map(\.name)
        let guess = NearMatch.find(address.domain, among: names)
        throw ServerError(
            .refused, "\(address.domain) is no domain of this server",
            remedy: guess.map { "did you mean \(address.name)@\($0)?" }
                ?? "it serves \(names.joined(separator: ", ")); add one with ito serve --domain \(address.domain)")
    }

    private func credentials(
        _ address: UserAddress, _ domain: (index: Int, name: String, realm: String), _ password: String
    ) throws(ServerError) -> [Credential] {
        do throws(StoreError) {
            return try Credential.all(username: address.name, realm: domain.realm, password: password)
        } catch {
            throw ServerError(error)
        }
    }

    private func unknown(_ address: UserAddress) -> ServerError {
        ServerError(.refused, "there is no user \(address)", remedy: "ito user list shows the users there are")
    }
}

extension UserDirectory.Entry {
    /// The secrets of a user's credentials.
    init(_ credentials: [Credential], displayName: String) {
        self.init(
            secrets: Dictionary(
                credentials.map { ($0.algorithm == .sha256 ? .sha256 : .md5, $0.hexadecimal) }, uniquingKeysWith: { $1 }
            ),
            displayName: displayName)
    }
}
