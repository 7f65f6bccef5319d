import Media

/// The keys of a leg as its packets reach them, without counting references: whoever has them holds the ``LegSecurity`` that they come
/// from, for as long and on the same lane.
struct LegKeys {
    private let media: Unmanaged<StreamProtection>?
    private let control: Unmanaged<StreamProtection>?
    /// Whether packets are left as they are where there are no keys.
    private let passes: Bool

    init(_ security: borrowing LegSecurity) {
        passes = security.isTransparent
        switch copy security {
        case .secured(let media, let control):
            self.media = Unmanaged.passUnretained(media)
            self.control = Unmanaged.passUnretained(control)
        case .passed, .clear, .pending:
            media = nil
            control = nil
        }
    }

    /// Opens a packet of the end, in place; its octets, or nil when it is not the end's.
    @inline(__always)
    func open(
        _ packet: UnsafeMutableRawBufferPointer, isControl: Bool, at now: ContinuousClock.Instant
    ) -> Int? {
        guard let keys = isControl ? control : media else { return passes ? packet.count : nil }
        return keys._withUnsafeGuaranteedRef { keys in
            isControl ? try? keys.openControl(packet, at: now) : try? keys.open(packet, at: now)
        }
    }

    /// Closes a packet for the end, in place; its octets, or nil while there are no keys, or when one of its number was closed before.
    @inline(__always)
    func close(_ memory: UnsafeMutableRawBufferPointer, length: Int, isControl: Bool) -> Int? {
        guard let keys = isControl ? control : media else { return passes ? length : nil }
        return keys._withUnsafeGuaranteedRef { keys in
            isControl ? try? keys.sealControl(memory, length: length) : try? keys.seal(memory, length: length)
        }
    }
}
