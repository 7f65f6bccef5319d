import Glibc

extension TransportAddress {
    /// The local address from which this machine would reach a host, as the kernel's routes have it; the wildcard address when
    /// the host is a name or there is no way to it. Sends nothing.
    public static func route(to host: String, family: Family, port: UInt16 = 0) -> TransportAddress {
        let text = host.contains(":") ? "[\(host)]" : host
        guard let remote = TransportAddress("\(text):5060"), let local = route(to: remote) else {
            return .wildcard(family, port: port)
        }
        return local.with(port: port)
    }

    /// The local address from which this machine would reach another, with port 0; nil when there is no way to it. Sends nothing.
    public static func route(to remote: TransportAddress) -> TransportAddress? {
        guard
            let descriptor = try? Descriptor(
                opened: socket(remote.socketFamily, Int32(SOCK_DGRAM.rawValue), 0), by: "open UDP"),
            remote.withSocketAddress({ connect(descriptor.number, $0, $1) }) == 0
        else { return nil }
        return TransportAddress(localAddressOf: descriptor.number)?.with(port: 0)
    }
}
