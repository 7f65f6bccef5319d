/// Receives datagrams that another lane has handed over.
public protocol HandedDatagramReceiver: AnyObject, Sendable {
    /// Called on the lane that the datagram was handed to. The datagram may be kept.
    func received(_ datagram: HandedDatagram, on lane: Lane)
}

/// A copy of a datagram on its way from the lane that received it to the lane that owns it.
///
/// One allocation holds everything: the addresses, the identity of the socket, a word of the sender's and the bytes.
public final class HandedDatagram: ManagedBuffer<HandedDatagram.Header, UInt8>, LaneMessage {
    /// What stands in front of the bytes.
    public struct Header {
        let count: Int
        let source: TransportAddress
        let destination: TransportAddress
        let socket: UInt64
        let context: UInt64
        let receiver: any HandedDatagramReceiver
    }

    /// Copies a datagram. `socket` tells the receiver through which socket it came (see `DatagramSocket.tag`); `context` is
    /// the sender's to use, as for a hash that it has computed already.
    public static func copy(
        of datagram: Datagram, socket: UInt64, context: UInt64 = 0, to receiver: any HandedDatagramReceiver
    ) -> sending HandedDatagram {
        let buffer = create(minimumCapacity: datagram.bytes.count) { _ in
            Header(
                count: datagram.bytes.count, source: datagram.source, destination: datagram.destination, socket: socket,
                context: context, receiver: receiver)
        }
        if let base = datagram.bytes.baseAddress {
            buffer.withUnsafeMutablePointerToElements {
                UnsafeMutableRawPointer($0).copyMemory(from: base, byteCount: datagram.bytes.count)
            }
        }
        // `create` makes an instance of the class that it is called on. Nobody else has it, and it keeps no pointer into the batch.
        nonisolated(unsafe) let copy = unsafeDowncast(buffer, to: HandedDatagram.self)
        return copy
    }

    /// Who sent the datagram.
    public var source: TransportAddress { header.source }

    /// The local address that it was sent to.
    public var destination: TransportAddress { header.destination }

    /// The identity of the socket that received it.
    public var socket: UInt64 { header.socket }

    /// The word that the sender gave.
    public var context: UInt64 { header.context }

    /// Number of bytes.
    public var count: Int { header.count }

    /// Calls `body` with the bytes of the datagram.
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeMutablePointers { (header, elements) throws(Failure) in
            try body(UnsafeRawBufferPointer(start: elements, count: header.pointee.count))
        }
    }

    public func deliver(on lane: Lane) {
        header.receiver.received(self, on: lane)
    }
}
