import UserAgent

/// A user agent on real sockets that registers nowhere.
func phone(_ user: String, _ change: (inout UserAgent.Options) -> Void = { _ in }) async throws -> UserAgent {
    var options = UserAgent.Options()
    options.registers = false
    change(&options)
    return try await UserAgent(account: Account("sip:\(user)@127.0.0.1"), options: options)
}
