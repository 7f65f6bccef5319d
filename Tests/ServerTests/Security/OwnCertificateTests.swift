import Foundation
import Glibc
import Reactor
import TestKit
import Testing

@testable import Server

@Suite struct OwnCertificateTests {
    private func read(_ own: OwnCertificate) throws -> TLSIdentity {
        try TLSIdentity(certificateFile: own.certificatePath, keyFile: own.keyPath)
    }

    @Test func provesAllNamesAndIsKept() throws {
        let folder = try TemporaryFolder("certificate")
        let names = ["example.test", "localhost", "127.0.0.1", "::1"]
        let first = try OwnCertificate(folder: folder.path, names: names)
        #expect(first.isNew)
        for name in names + ["[::1]"] { #expect(try read(first).names.prove(name), "\(name)") }
        #expect(try !read(first).names.prove("other.test"))
        let bytes = try Data(contentsOf: URL(filePath: first.certificatePath))
        let again = try OwnCertificate(folder: folder.path, names: ["example.test", "::1"])
        #expect(!again.isNew)
        #expect(try Data(contentsOf: URL(filePath: again.certificatePath)) == bytes)
        for path in [first.certificatePath, first.keyPath] {
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(path)")
        }
    }

    /// A name that it does not prove, a key that is not its own, or an end that is near: it is made anew.
    @Test func isMadeAnewWhenItDoesNotDo() throws {
        let folder = try TemporaryFolder("certificate")
        _ = try OwnCertificate(folder: folder.path, names: ["example.test"])
        #expect(try OwnCertificate(folder: folder.path, names: ["example.test", "added.test"]).isNew)
        #expect(try !OwnCertificate(folder: folder.path, names: ["example.test"]).isNew)
        try Data("nonsense".utf8).write(to: URL(filePath: folder.file(OwnCertificate.keyName)))
        #expect(try OwnCertificate(folder: folder.path, names: ["example.test"]).isNew)
        let authority = try CertificateAuthority()
        for (days, isNew) in [(-1...31, false), (-1...29, true)] {
            let issued = try authority.issue([.dns("example.test")], days: days)
            try Data(issued.certificate.utf8).write(to: URL(filePath: folder.file(OwnCertificate.certificateName)))
            try Data(issued.key.utf8).write(to: URL(filePath: folder.file(OwnCertificate.keyName)))
            #expect(try OwnCertificate(folder: folder.path, names: ["example.test"]).isNew == isNew)
        }
    }

    @Test func aFolderThatCannotBeWrittenIsAnError() {
        #expect(throws: ServerError(.environment, "")) {
            _ = try OwnCertificate(folder: "/nonexistent/folder", names: ["example.test"])
        }
    }
}
