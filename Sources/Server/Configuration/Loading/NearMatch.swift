/// Finds the name that was probably meant.
enum NearMatch {
    /// Longer names are not compared: no key is that long.
    private static let maximumLength = 64

    /// The nearest of `candidates` to a dotted `name`, or nil when none is near: first those of the same section, with
    /// other spellings of the same words (`maxForwards`, `max_forwards`), then those whose last part is nearly the same
    /// elsewhere.
    static func find(_ name: String, among candidates: some Sequence<String>) -> String? {
        let (section, last) = split(name)
        let word = hyphenated(last)
        var best: (score: Int, name: String)?
        for candidate in candidates {
            let (otherSection, otherLast) = split(candidate)
            let isSameSection = section == otherSection
            let length = max(word.utf8.count, 1)
            // In another section only a word that is almost the same can be meant.
            let limit = isSameSection ? max(1, length / 3) : length == 1 ? -1 : length / 5
            let distance = distance(word, hyphenated(otherLast))
            let score = isSameSection ? distance : distance + 1
            if distance <= limit, score < best?.score ?? .max { best = (score, candidate) }
        }
        return best?.name
    }

    /// How many insertions, deletions, replacements and swaps of neighbours lead from one to the other; for texts that are
    /// too long to compare, as many as could.
    static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count <= maximumLength, right.count <= maximumLength else { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(
                    last[column + 1] + 1, current[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }

    private static func split(_ name: String) -> (section: Substring, last: String) {
        guard let dot = name.lastIndex(of: ".") else { return ("", name) }
        return (name[..<dot], String(name[name.index(after: dot)...]))
    }

    /// The word in the spelling of keys: `maxForwards` and `max_forwards` become `max-forwards`.
    private static func hyphenated(_ word: String) -> String {
        var result = ""
        var isAfterSmall = false
        for character in word {
            if character.isUppercase, isAfterSmall { result.append("-") }
            isAfterSmall = character.isLowercase
            result += character == "_" ? "-" : character.lowercased()
        }
        return result
    }
}
