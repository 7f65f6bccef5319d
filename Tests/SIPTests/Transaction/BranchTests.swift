import SIP
import Testing

@Suite struct BranchTests {
    @Test(
        "RFC 3261 §8.1.1.7, §17.2.3: the magic cookie",
        arguments: [
            ("z9hG4bK776asdhds", true), ("z9hG4bK", true), ("Z9HG4BK1", true), ("z9hG4b", false), ("", false),
            ("z9hG4bk776", true), ("390skdjuw", false), ("xz9hG4bK1", false), ("1", false),
        ])
    func magicCookie(branch: String, expected: Bool) {
        let bytes = Array(branch.utf8)
        #expect(bytes.withUnsafeBytes { Branch.hasMagicCookie($0) } == expected)
    }
}
