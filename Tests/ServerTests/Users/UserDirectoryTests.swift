import Routing
import Testing

@testable import Server

@Suite struct UserDirectoryTests {
    private func secret(_ directory: UserDirectory, _ user: String, _ domain: Int) -> [UInt8]? {
        Array(user.utf8).withUnsafeBytes { directory.secret(user: $0, domain: domain, algorithm: .md5) }
    }

    @Test func usersAreToldApartByNameAndDomain() {
        let directory = UserDirectory()
        for domain in 0..<3 {
            for number in 0..<500 {
                let entry = UserDirectory.Entry(
                    secrets: [.md5: Array("\(number) in \(domain)".utf8)], displayName: "\(number)")
                directory.set("user\(number)", domain: domain, entry)
            }
        }
        #expect(directory.count == 1_500)
        for (user, domain) in [("user0", 0), ("user499", 2), ("user250", 1)] {
            #expect(secret(directory, user, domain) == Array("\(user.dropFirst(4)) in \(domain)".utf8))
        }
        #expect(secret(directory, "user0", 3) == nil)
        #expect(secret(directory, "User0", 0) == nil)
        #expect(secret(directory, "", 0) == nil)
        #expect(directory.remove("user7", domain: 1))
        #expect(!directory.remove("user7", domain: 1))
        #expect(secret(directory, "user7", 1) == nil)
        #expect(secret(directory, "user7", 0) != nil)
        #expect(directory.all.count == 1_499)
        #expect(directory.all.map(\.domain) == directory.all.map(\.domain).sorted())
    }

    @Test func whoAdmitsAnyoneKnowsNoSecrets() {
        let directory = UserDirectory(admitsAnyone: true)
        let isUser = Array("anyone".utf8).withUnsafeBytes { directory.isUser($0, domain: 0) }
        #expect(isUser)
        #expect(secret(directory, "anyone", 0) == nil)
    }
}
