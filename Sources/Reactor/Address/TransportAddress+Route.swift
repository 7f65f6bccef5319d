import Glibc

extension TransportAddress {
    /// The local address from which this machine would reach a host, as the kernel's routes have it; the wildcard address when
    /// the host is a name or there is no way to it. Sends nothing.
    public static func route(to host: String, family: Family, port: UInt16 = 0) -> TransportAddress {
        let text = host.contains(":") ? "[\(host)]" : host
        guard let remote = TransportAddress("\(text):5060"),
            let descriptor = try? Descriptor(
                opened: socket(remote.socketFamily, Int32(SOCK_DGRAM.rawValue), 0), by: "open UDP"),
            remote.withSocketAddress({ connect(descriptor.number, $0, $1) }) == 0,
            let local = TransportAddress(localAddressOf: descriptor.number)
        else { return .wildcard(family, port: port) }
        return local.with(port: port)
    }
}
