import Media
import UserAgent

/// A user agent on real sockets that registers nowhere.
func phone(
    _ user: String, encryption: MediaEncryption = .off, ice: ICEPolicy = .off,
    _ change: (inout UserAgent.Options) -> Void = { _ in }
) async throws -> UserAgent {
    var options = UserAgent.Options()
    options.registers = false
    change(&options)
    var account = try Account("sip:\(user)@127.0.0.1")
    account.encryption = encryption
    account.ice = ice
    return try await UserAgent(account: account, options: options)
}
