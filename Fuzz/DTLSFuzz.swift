// targets: RTP SRTP

import SRTP

/// Our own certificate, made once.
private let context: DTLSContext = {
    do throws(DTLSError) {
        return try DTLSContext()
    } catch {
        // Proof: no input has been read yet, and without a certificate nothing can be tried.
        fatalError("\(error)")
    }
}()

/// Gives the bytes as datagrams to both ends, before and within a handshake. A datagram is a length of two octets and as many octets,
/// or what is left. Nothing may trap, and neither end may come to keys by them.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDTLS(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var rest = UnsafeRawBufferPointer(start: data, count: count)[...]
    do throws(DTLSError) {
        let client = try DTLSSession(context, .client, fingerprints: context.fingerprints)
        let server = try DTLSSession(context, .server, fingerprints: nil)
        client.start()
        // What the client says first is known to the server when the first octet is odd.
        if let first = rest.first, first % 2 == 1, let hello = client.takeDatagram() {
            hello.withUnsafeBytes { server.receive($0) }
        }
        rest = rest.dropFirst()
        while rest.count > 2 {
            let length = min(rest.count - 2, Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1]))
            let datagram = UnsafeRawBufferPointer(rebasing: rest.dropFirst(2).prefix(length))
            client.receive(datagram)
            server.receive(datagram)
            rest = rest.dropFirst(2 + length)
        }
        check(client.keys == nil && server.keys == nil, "there are keys without a peer")
        while let datagram = server.takeDatagram() {
            check(datagram.count <= DTLSContext.Limits.mtu, "a datagram is too long")
        }
    } catch {
        // Proof: a session of a good certificate can always be made; libFuzzer is told of a fault by a trap.
        fatalError("\(error)")
    }
    return 0
}
