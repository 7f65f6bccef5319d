import SIP
import SIPEndpoint

/// Whether a REGISTER can make flows (RFC 5626 §6).
struct OutboundSupport {
    /// Whether the way that it came can be gone back: it comes from the user agent itself, or the first proxy on its way
    /// keeps the flow.
    let isPossible: Bool
    /// Whether the user agent says that it supports it.
    let isOffered: Bool

    init(_ request: IncomingRequest, path: UnsafeRawBufferPointer) {
        let view = request.view
        isOffered = view.list(.supported, contains: "outbound")
        var vias = view.values(of: .via)
        _ = vias.next()
        isPossible = vias.next() == nil || Self.keepsFlow(path)
    }

    /// Whether a value of Path is marked with `ob`, which only the first proxy after the user agent may do (RFC 5626 §5.1).
    private static func keepsFlow(_ path: UnsafeRawBufferPointer) -> Bool {
        var rest = path[...]
        while let start = rest.firstIndex(of: UInt8(ascii: "<")),
            let end = rest[start...].firstIndex(of: UInt8(ascii: ">"))
        {
            rest = rest[(end + 1)...]
            guard let mark = path[start..<end].firstIndex(of: UInt8(ascii: ";")) else { continue }
            var parameters = ParameterRuns(UnsafeRawBufferPointer(rebasing: path[mark..<end]))
            while let run = parameters.next() {
                if run.hasName("ob") { return true }
            }
        }
        return false
    }
}
