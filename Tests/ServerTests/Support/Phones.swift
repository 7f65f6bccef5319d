import Reactor
import SIPEndpoint
import UserAgent

/// A phone of ours that has registered with Digest, as the users of `withServer` do.
///
/// - Parameter proxy: where all its requests go first.
func phone(
    _ user: String, proxy: TransportAddress, _ change: (inout UserAgent.Options) -> Void = { _ in }
) async throws -> UserAgent {
    var options = UserAgent.Options()
    change(&options)
    let account = try Account("sip:\(user)@localhost", password: "secret of \(user)", proxy: "sip:\(proxy)")
    return try await UserAgent(account: account, options: options)
}
