import Yams

/// The tree of a YAML text with the line of each node, in which a key may stand more than once: what the text says,
/// before anything is known about keys.
struct ConfigurationDocument {
    /// A node.
    indirect enum Node: Hashable {
        /// A single value; nil is YAML's null.
        case scalar(String?, line: Int)
        /// A list.
        case sequence([Node], line: Int)
        /// Keys and values in their order.
        case mapping([Pair], line: Int)

        /// The line of its beginning, from 1.
        var line: Int {
            switch self {
            case .scalar(_, let line), .sequence(_, let line), .mapping(_, let line): line
            }
        }
    }

    /// A key and its value.
    struct Pair: Hashable {
        /// The key; nil when it is not a single value.
        var key: String?

        /// The line of the key, from 1.
        var line: Int

        /// The value.
        var value: Node
    }

    /// A text that is not YAML.
    struct Failure: Error, Hashable {
        /// What is wrong.
        var reason: String

        /// The line, when it is known.
        var line: Int?
    }

    /// The most nodes, aliases written out: a short text could stand for billions.
    static let maximumNodes = 100_000

    /// The root; nil for a text without any value.
    let root: Node?

    /// Reads a text.
    ///
    /// - Throws: `Failure` for the first place that is not YAML.
    init(_ text: String) throws(Failure) {
        var source = Source(text)
        guard let node = try source.compose() else {
            root = nil
            return
        }
        var builder = Builder()
        root = try builder.build(node)
    }

    /// Copies the parser's tree.
    private struct Builder {
        private var count = 0

        mutating func build(_ node: Yams.Node) throws(Failure) -> Node {
            count += 1
            let line = node.mark?.line ?? 1
            guard count <= ConfigurationDocument.maximumNodes else {
                throw Failure(reason: "holds more than \(ConfigurationDocument.maximumNodes) values", line: line)
            }
            switch node {
            case .scalar(let scalar): return .scalar(node.null == nil ? scalar.string : nil, line: line)
            case .sequence(let sequence):
                var elements: [Node] = []
                for element in sequence { elements.append(try build(element)) }
                return .sequence(elements, line: line)
            case .mapping(let mapping):
                var pairs: [Pair] = []
                for (key, value) in mapping {
                    pairs.append(
                        Pair(
                            key: key.scalar.map { Source.withoutMark($0.string) }, line: key.mark?.line ?? line,
                            value: try build(value)))
                }
                return .mapping(pairs, line: line)
            case .alias: throw Failure(reason: "holds a reference to nothing", line: line)
            }
        }
    }
}

extension ConfigurationDocument {
    /// The text given to the parser. The parser stops at a mapping with a key that is there twice; so that all problems
    /// can be told at once, such a key is marked, which makes it another one, and the text is parsed again.
    private struct Source {
        /// A private-use character that is allowed in YAML and in no key.
        private static let mark: Unicode.Scalar = "\u{E000}"

        private var text: String

        private var marks = 0

        init(_ text: String) { self.text = text }

        /// The key as it stood in the text.
        static func withoutMark(_ key: String) -> String {
            guard key.unicodeScalars.first == mark, let end = key.unicodeScalars.dropFirst().firstIndex(of: mark) else {
                return key
            }
            return String(key.unicodeScalars[end...].dropFirst())
        }

        /// Parses the text; nil when there is no value in it.
        mutating func compose() throws(Failure) -> Yams.Node? {
            while true {
                do {
                    return try Yams.Parser(yaml: text, encoding: .utf8).singleRoot()
                } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                    guard markKey(among: keys, line: context.mark.line, column: context.mark.column) else {
                        throw Failure(
                            reason: "the key \(keys.joined(separator: ", ")) is given more than once",
                            line: context.mark.line)
                    }
                } catch {
                    throw Failure(error)
                }
            }
        }

        /// Marks the key that begins at a place, counted from 1; false when it is written in a way that cannot be marked.
        private mutating func markKey(among keys: [String], line: Int, column: Int) -> Bool {
            guard marks < ConfigurationDocument.maximumNodes else { return false }
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(\.unicodeScalars)
            guard lines.indices.contains(line - 1),
                var place = lines[line - 1].index(
                    lines[line - 1].startIndex, offsetBy: column - 1, limitedBy: lines[line - 1].endIndex)
            else { return false }
            let rest = lines[line - 1][place...]
            if rest.first == "\"" || rest.first == "'" {
                place = lines[line - 1].index(after: place)
            } else if !keys.contains(where: { rest.starts(with: $0.unicodeScalars) }) {
                return false
            }
            marks += 1
            lines[line - 1].insert(contentsOf: "\(Self.mark)\(marks)\(Self.mark)".unicodeScalars, at: place)
            text = lines.map { String($0) }.joined(separator: "\n")
            return true
        }
    }
}

extension ConfigurationDocument.Failure {
    /// Translates what the parser throws.
    fileprivate init(_ error: any Error) {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let situation = context.map { $0.text.isEmpty ? "" : "\($0.text), " } ?? ""
            self.init(reason: "\(situation)\(problem)", line: mark.line)
        case .reader(let problem, _, _, _): self.init(reason: problem, line: nil)
        default: self.init(reason: "\(error)", line: nil)
        }
    }
}
