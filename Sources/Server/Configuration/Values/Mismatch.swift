/// A text that is not the value it should be.
struct Mismatch: Error, Hashable {
    /// What is wrong with it, or what was expected in its place.
    let reason: String

    /// A text that would be right.
    let example: String

    init(_ reason: String, example: String) {
        self.reason = reason
        self.example = example
    }
}
