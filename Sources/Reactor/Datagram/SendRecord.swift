import CLinux
import Glibc

/// A datagram on its way out, as one run of bytes: the kernel's form of the destination, control data that names the source, their
/// lengths, and the payload. It can be copied from the send batch to a backlog without being taken apart.
enum SendRecord {
    private static let nameOffset = 0
    private static let controlOffset = 32
    private static let nameLengthOffset = 72
    private static let controlLengthOffset = 76
    private static let payloadLengthOffset = 80

    /// Where the payload begins; a multiple of 16.
    static let payloadOffset = 96

    /// Bytes that a record with this payload takes; records begin at multiples of 16.
    static func size(payload: Int) -> Int { (payloadOffset &+ payload &+ 15) & ~15 }

    /// Fills in everything but the payload. A nil destination is that of a connected socket; a nil source is the socket's own.
    static func fill(
        _ record: UnsafeMutableRawPointer, payload: Int, to destination: TransportAddress?,
        from source: TransportAddress?
    ) {
        let nameLength = destination?.storeSocketAddress(to: record + nameOffset) ?? 0
        let controlLength = source.map { ControlMessages.Item.storeSource($0, to: record + controlOffset) } ?? 0
        record.storeBytes(of: UInt32(truncatingIfNeeded: nameLength), toByteOffset: nameLengthOffset, as: UInt32.self)
        record.storeBytes(
            of: UInt32(truncatingIfNeeded: controlLength), toByteOffset: controlLengthOffset, as: UInt32.self)
        record.storeBytes(of: UInt32(truncatingIfNeeded: payload), toByteOffset: payloadLengthOffset, as: UInt32.self)
    }

    /// The payload.
    static func payload(_ record: UnsafeRawPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: record + payloadOffset, count: payloadLength(record))
    }

    /// Bytes that the record takes.
    static func size(_ record: UnsafeRawPointer) -> Int { size(payload: payloadLength(record)) }

    /// Where it goes; nil on a connected socket.
    static func destination(_ record: UnsafeRawPointer) -> TransportAddress? {
        let length = Int(record.load(fromByteOffset: nameLengthOffset, as: UInt32.self))
        return TransportAddress(socketAddress: record + nameOffset, length: length)
    }

    /// Points a message and its buffer vector at the record.
    static func describe(
        _ record: UnsafeMutableRawPointer, in message: UnsafeMutablePointer<linux_mmsghdr>,
        _ vector: UnsafeMutablePointer<iovec>
    ) {
        vector.pointee = iovec(iov_base: record + payloadOffset, iov_len: payloadLength(record))
        var header = msghdr()
        header.msg_namelen = record.load(fromByteOffset: nameLengthOffset, as: UInt32.self)
        header.msg_name = header.msg_namelen == 0 ? nil : record + nameOffset
        header.msg_iov = vector
        header.msg_iovlen = 1
        header.msg_controllen = Int(record.load(fromByteOffset: controlLengthOffset, as: UInt32.self))
        header.msg_control = header.msg_controllen == 0 ? nil : record + controlOffset
        message.initialize(to: linux_mmsghdr(header: header, length: 0))
    }

    /// The record that a message describes.
    static func record(of message: UnsafePointer<linux_mmsghdr>) -> UnsafeRawPointer {
        // `describe` has given the message its one buffer.
        UnsafeRawPointer(message.pointee.header.msg_iov.pointee.iov_base) - payloadOffset
    }

    private static func payloadLength(_ record: UnsafeRawPointer) -> Int {
        Int(record.load(fromByteOffset: payloadLengthOffset, as: UInt32.self))
    }
}
