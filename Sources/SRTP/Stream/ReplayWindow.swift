/// Which packet indices have been here (RFC 3711 §3.3.2): the highest, and a bit for each of the last 128.
public struct ReplayWindow: Hashable, Sendable {
    /// Indices that are remembered.
    public static let size = 128

    /// What is known of an index.
    enum Standing: Hashable {
        case new
        case replayed
        case tooOld
    }

    /// Highest index that was recorded.
    private(set) var highest: UInt64 = 0

    /// The lowest bit stands for `highest`, the next for the one before, and so on.
    private var seen: UInt128 = 0

    init() {}

    /// Whether nothing has been recorded.
    var isEmpty: Bool { seen == 0 }

    /// Looks an index up without changing anything.
    func standing(of index: UInt64) -> Standing {
        if isEmpty || index > highest { return .new }
        let distance = highest - index
        if distance >= UInt64(Self.size) { return .tooOld }
        return seen & (1 << UInt128(distance)) == 0 ? .new : .replayed
    }

    /// Records an index that is ``Standing/new``.
    mutating func record(_ index: UInt64) {
        if isEmpty {
            highest = index
            seen = 1
        } else if index > highest {
            let distance = index - highest
            seen = distance < UInt64(Self.size) ? seen &<< UInt128(distance) | 1 : 1
            highest = index
        } else {
            seen |= 1 &<< UInt128(highest - index)
        }
    }
}
