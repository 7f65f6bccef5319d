import RTP
import SRTP

/// Why a datagram was not opened.
struct ReceiptRefusal: Error {
    let reason: AudioReceipt.Reason
}

// Protecting what is sent, and opening what comes (RFC 3711).
extension AudioStream {
    /// Whether the packets go in the clear.
    var isClear: Bool { if case .none = security { true } else { false } }

    /// Whether nothing may be sent yet.
    var isPending: Bool { if case .pending = security { true } else { false } }

    /// Protects the packet in the first `length` octets.
    ///
    /// - Returns: octets of what is sent; nil when it cannot be.
    func seal(_ length: Int, in memory: inout MutableRawSpan) -> Int? {
        switch security {
        case .none: length
        case .pending: nil
        case .secured(let media, _): memory.withUnsafeMutableBytes { try? media.seal($0, length: length) }
        }
    }

    /// Protects the compound in a range.
    ///
    /// - Returns: the range of what is sent; nil when it cannot be.
    func sealControl(_ octets: Range<Int>, in memory: inout MutableRawSpan) -> Range<Int>? {
        switch security {
        case .none: return octets
        case .pending: return nil
        case .secured(_, let control):
            let sealed = memory.withUnsafeMutableBytes { bytes in
                try? control.sealControl(
                    UnsafeMutableRawBufferPointer(rebasing: bytes[octets.lowerBound...]), length: octets.count)
            }
            return sealed.map { octets.lowerBound..<octets.lowerBound + $0 }
        }
    }

    /// Opens an RTP packet in place; its octets.
    func opened(
        _ packet: UnsafeMutableRawBufferPointer, at now: ContinuousClock.Instant
    ) -> Result<Int, ReceiptRefusal> {
        switch security {
        case .none: return .success(packet.count)
        case .pending: return .failure(ReceiptRefusal(reason: .unsecured))
        case .secured(let media, _):
            do throws(SRTPError) {
                return .success(try media.open(packet, at: now))
            } catch {
                return .failure(ReceiptRefusal(reason: .unauthentic(error)))
            }
        }
    }

    /// Opens an RTCP compound in place; its octets.
    func openedControl(
        _ packet: UnsafeMutableRawBufferPointer, at now: ContinuousClock.Instant
    ) -> Result<Int, ReceiptRefusal> {
        switch security {
        case .none: return .success(packet.count)
        case .pending: return .failure(ReceiptRefusal(reason: .unsecured))
        case .secured(_, let control):
            do throws(SRTPError) {
                return .success(try control.openControl(packet, at: now))
            } catch {
                return .failure(ReceiptRefusal(reason: .unauthentic(error)))
            }
        }
    }
}
