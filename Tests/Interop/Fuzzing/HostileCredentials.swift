import Crypto
import Foundation
import TestKit

/// Answers to challenges, right and wrong, by Digest with MD5 (RFC 7616 §3.4), which every server here knows.
struct HostileCredentials {
    /// The password of all users.
    static let password = "secret"

    private let values: [String: String]
    private let name: String

    /// Reads the challenge of a 401 or 407 for MD5; nil when there is none.
    init?(_ response: SentMessage) {
        let isProxy = response.status == 407
        let all = response.values(isProxy ? "Proxy-Authenticate" : "WWW-Authenticate")
        guard let challenge = all.first(where: { $0.contains("algorithm=MD5") }) ?? all.first else { return nil }
        name = isProxy ? "Proxy-Authorization" : "Authorization"
        var found: [String: String] = [:]
        for match in challenge.matches(of: #/(\w+)="?([^",]*)"?/#) { found[String(match.1)] = String(match.2) }
        values = found
        guard values["realm"] != nil, values["nonce"] != nil else { return nil }
    }

    /// The field with the credentials of a user for a request.
    ///
    /// - Parameter count: the nonce count: from 1 on when it is right.
    func field(_ user: String, _ method: String, _ uri: String, count: Int, password: String = Self.password) -> String
    {
        let (realm, nonce) = (values["realm"] ?? "", values["nonce"] ?? "")
        let number = String(format: "%08x", count)
        let secret = Self.digest("\(user):\(realm):\(password)")
        let response = Self.digest("\(secret):\(nonce):\(number):c:auth:\(Self.digest("\(method):\(uri)"))")
        return "\(name): Digest username=\"\(user)\", realm=\"\(realm)\", nonce=\"\(nonce)\", uri=\"\(uri)\", "
            + "response=\"\(response)\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=\(number)"
            + (values["opaque"].map { ", opaque=\"\($0)\"" } ?? "")
    }

    private static func digest(_ text: String) -> String {
        Insecure.MD5.hash(data: Array(text.utf8)).map { String(format: "%02x", $0) }.joined()
    }
}
