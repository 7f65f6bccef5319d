import Foundation

/// The test messages of an RFC: from `../shared/testdata/torture` where it is there, else from the archive that the RFC
/// prints in its appendix (base64 of a compressed tar file).
public struct TortureArchive: Sendable {
    /// The bytes of each message by its name, without a file extension.
    public let messages: [String: [UInt8]]

    /// The 49 messages of RFC 4475, and one more that its text does not mention.
    public static let rfc4475 = TortureArchive(rfc: 4475)
    /// The 12 messages of RFC 5118.
    public static let rfc5118 = TortureArchive(rfc: 5118)

    /// Whether there is anything to test with; the data are no part of the repository.
    public var isPresent: Bool { !messages.isEmpty }

    private init(rfc: Int) {
        let directories = Self.sharedDirectories
        var found: [String: [UInt8]] = [:]
        for directory in directories where found.isEmpty {
            let text = directory.appendingPathComponent("rfc/rfc\(rfc).txt")
            if let contents = try? String(contentsOf: text, encoding: .isoLatin1) {
                found = (try? Self.unpack(contents)) ?? [:]
            }
        }
        // Files there replace those of the same name; they are the same bytes unless an erratum corrected them.
        for directory in directories {
            for (name, bytes) in Self.files(in: directory.appendingPathComponent("testdata/torture")) {
                if found.isEmpty || found[name] != nil { found[name] = bytes }
            }
        }
        messages = rfc == 5118 ? found.mapValues(Self.onTheWire) : found
    }

    /// A message of RFC 5118 as it would be sent: the archive has line feeds without returns, and some of the lengths that
    /// it states are larger than the bodies.
    private static func onTheWire(_ bytes: [UInt8]) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
        guard let blank = text.range(of: "\n\n") else { return Array(text.replacing("\n", with: "\r\n").utf8) }
        let body = text[blank.upperBound...].replacing("\n", with: "\r\n")
        let lines = text[..<blank.lowerBound].split(separator: "\n")
            .map { $0.hasPrefix("Content-Length:") ? "Content-Length: \(body.utf8.count)" : String($0) }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
    }

    /// `shared` beside the repository, or beside a directory that holds it.
    private static var sharedDirectories: [URL] {
        var directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        var result: [URL] = []
        while directory.path != "/" {
            let candidate = directory.appendingPathComponent("shared")
            if FileManager.default.fileExists(atPath: candidate.path) { result.append(candidate) }
            directory.deleteLastPathComponent()
        }
        return result
    }

    private static func files(in directory: URL) -> [(String, [UInt8])] {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: directory.path)) ?? []
        return names.compactMap { name in
            let file = directory.appendingPathComponent(name)
            guard ["", "dat", "sip", "msg"].contains(file.pathExtension),
                let data = try? Data(contentsOf: file)
            else { return nil }
            return (file.deletingPathExtension().lastPathComponent, [UInt8](data))
        }
    }

    private struct Damaged: Error {}

    private static func unpack(_ rfc: String) throws -> [String: [UInt8]] {
        let lines = rfc.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        guard let begin = lines.firstIndex(of: "-- BEGIN MESSAGE ARCHIVE --"),
            let end = lines.firstIndex(of: "-- END MESSAGE ARCHIVE --"), begin < end
        else { throw Damaged() }
        // The lines of page ends hold spaces, those of the archive do not.
        let encoded = lines[(begin + 1)..<end].filter { !$0.contains(" ") }.joined()
        guard let data = Data(base64Encoded: encoded) else { throw Damaged() }
        return try files(ofTar: decompress(data))
    }

    private static func decompress(_ data: Data) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("torture-\(UUID().uuidString).tar.gz")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", file.path]
        process.standardOutput = output
        try process.run()
        let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Damaged() }
        return bytes
    }

    /// Regular files of a tar archive: blocks of 512 bytes, name at 0, size in octal at 124, type at 156.
    private static func files(ofTar bytes: [UInt8]) throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        var at = 0
        while at + 512 <= bytes.count, bytes[at] != 0 {
            let name = String(decoding: bytes[at..<at + 100].prefix { $0 != 0 }, as: UTF8.self)
            let octal = String(decoding: bytes[at + 124..<at + 136].prefix { $0 >= 0x30 && $0 < 0x38 }, as: UTF8.self)
            guard let size = Int(octal, radix: 8), at + 512 + size <= bytes.count else { throw Damaged() }
            let isFile = bytes[at + 156] == UInt8(ascii: "0") || bytes[at + 156] == 0
            if isFile, !name.hasSuffix("/") {
                let stem = URL(fileURLWithPath: name).deletingPathExtension().lastPathComponent
                result[stem] = Array(bytes[at + 512..<at + 512 + size])
            }
            at += 512 + (size + 511) / 512 * 512
        }
        return result
    }
}
