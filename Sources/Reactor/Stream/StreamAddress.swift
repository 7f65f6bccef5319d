import Glibc
import NIOCore
import NIOSSL

extension TransportAddress {
    /// The address in NIO's form.
    var nioAddress: NIOCore.SocketAddress {
        withUnsafeTemporaryAllocation(byteCount: SocketAddressLayout.room, alignment: 8) { memory in
            storeSocketAddress(to: memory.baseAddress!)  // the allocation has 28 bytes, so it has an address
            return isIPv6
                ? NIOCore.SocketAddress(memory.load(as: sockaddr_in6.self))
                : NIOCore.SocketAddress(memory.load(as: sockaddr_in.self))
        }
    }

    /// An address from NIO's form; nil when it is of another family.
    init?(_ address: NIOCore.SocketAddress?) {
        guard let parsed = address?.withSockAddr({ TransportAddress(socketAddress: UnsafeRawPointer($0), length: $1) })
        else {
            return nil
        }
        self = parsed
    }
}

extension SocketError {
    /// An error of NIO's.
    init(_ error: any Error, _ operation: String, _ address: TransportAddress?) {
        switch error {
        case let error as IOError: self.init(error.errnoCode, operation, address)
        case is NIOSSLError, is BoringSSLError: self.init(EPROTO, operation, address)
        case ChannelError.connectTimeout: self.init(ETIMEDOUT, operation, address)
        default: self.init(ECANCELED, operation, address)
        }
    }
}

extension TimeAmount {
    /// A span in NIO's form, the longest there is when it does not fit.
    init(_ duration: Duration) { self = .nanoseconds(duration.nanosecondsRoundedUp) }
}
