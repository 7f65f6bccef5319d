import Store

/// The users in the database of a data folder with which no server works now.
public struct OfflineUsers: Sendable {
    private let accounts: UserAccounts
    private let database: Database

    /// Opens the database; makes it when it is not there.
    ///
    /// - Parameter domains: the domains of the configuration; nil takes any domain, with its name for a realm.
    /// - Throws: `ServerError` when it cannot be opened.
    public init(folder: String, domains: [ServerConfiguration.Domain]?) throws(ServerError) {
        do throws(StoreError) { database = try Database(folder: folder) } catch { throw ServerError(error) }
        accounts = UserAccounts(database: database, directory: nil, domains: domains)
    }

    /// Carries out one of the requests about users.
    ///
    /// - Throws: `ServerError` when it cannot be.
    public func serve(_ request: ControlRequest) async throws(ServerError) -> ControlResponse {
        var response = ControlResponse()
        switch request.command {
        case .listUsers: response.users = try await accounts.list()
        case .addUser:
            try await accounts.add(
                try UserAddress(request.address ?? ""), password: request.password ?? "",
                displayName: request.name ?? "")
        case .setPassword:
            try await accounts.setPassword(try UserAddress(request.address ?? ""), password: request.password ?? "")
        case .removeUser:
            let address = try UserAddress(request.address ?? "")
            try await accounts.remove(address)
        default:
            throw ServerError(.environment, "no server works with this data folder", remedy: "start one: ito serve")
        }
        return response
    }

    /// Closes the database.
    public func close() { try? database.close() }
}
