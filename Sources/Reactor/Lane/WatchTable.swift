import CLinux
import Glibc

/// What a watched descriptor belongs to.
protocol Watched: AnyObject {
    /// The descriptor is ready.
    func ready(_ events: DescriptorEvents, on lane: Lane)

    /// The lane has come to its end.
    func laneStopped()
}

/// The handler of a descriptor that is none of the reactor's own sockets.
final class WatchedByHandler: Watched {
    private let handler: any DescriptorHandler

    init(_ handler: any DescriptorHandler) { self.handler = handler }

    func ready(_ events: DescriptorEvents, on lane: Lane) { handler.ready(events, on: lane) }
    func laneStopped() { handler.laneStopped() }
}

/// The descriptors that a lane's epoll set watches, and who handles them.
///
/// The kernel keeps index and generation of an entry, so that an event for a descriptor that was given up earlier in the same
/// turn finds nothing.
struct WatchTable: ~Copyable {
    private struct Entry {
        var handler: (any Watched)?
        var descriptor: Int32
        var generation: UInt32
    }

    private let epoll: Int32
    private var entries: [Entry] = []
    private var free: [UInt32] = []

    init(epoll: Int32) { self.epoll = epoll }

    mutating func add(
        _ descriptor: Int32, _ events: DescriptorEvents, _ handler: any Watched
    ) throws(SocketError) -> WatchID {
        let index: UInt32
        if let last = free.popLast() {
            index = last
        } else {
            index = UInt32(entries.count)
            entries.append(Entry(handler: nil, descriptor: -1, generation: 0))
        }
        let id = WatchID(index: index, generation: entries[Int(index)].generation)
        guard control(EPOLL_CTL_ADD, descriptor, events, id) == 0 else {
            let error = SocketError.last("watch a descriptor")
            free.append(index)
            throw error
        }
        entries[Int(index)].handler = handler
        entries[Int(index)].descriptor = descriptor
        return id
    }

    func modify(_ id: WatchID, _ events: DescriptorEvents) {
        guard let descriptor = descriptor(of: id) else { return }
        // The descriptor is in the set, and changing its events needs no memory: this cannot fail.
        _ = control(EPOLL_CTL_MOD, descriptor, events, id)
    }

    mutating func remove(_ id: WatchID) {
        guard let descriptor = descriptor(of: id) else { return }
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        let index = Int(id.index)
        entries[index].handler = nil
        entries[index].generation &+= 1
        free.append(id.index)
    }

    private func descriptor(of id: WatchID) -> Int32? {
        let index = Int(id.index)
        guard index < entries.count, entries[index].generation == id.generation, entries[index].handler != nil else {
            return nil
        }
        return entries[index].descriptor
    }

    /// The handler of an event, by the word that the kernel kept.
    func handler(for word: UInt64) -> (any Watched)? {
        let index = Int(word & 0xffff_ffff)
        guard index < entries.count, entries[index].generation == UInt32(word >> 32) else { return nil }
        return entries[index].handler
    }

    /// All handlers, for the end of the lane.
    var handlers: [any Watched] { entries.compactMap(\.handler) }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: DescriptorEvents, _ id: WatchID) -> Int32 {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.u64 = UInt64(id.generation) << 32 | UInt64(id.index)
        return epoll_ctl(epoll, operation, descriptor, &event)
    }
}
