import Synchronization

// A binding that came by a connection ends with it: no other way leads to its contact (RFC 5626 §5.3, RFC 7118 §5).
extension BindingTable {
    /// Notes that the bindings of an address of record may depend on a connection.
    func note(connection: UInt64, shard: Int, tag: UInt32) {
        connections.withLock { $0.insert(UInt64(shard) << 32 | UInt64(tag), for: connection) }
    }

    /// Removes the bindings that were last set by a connection; called when it is closed, from any lane.
    ///
    /// - Returns: how many there were.
    @discardableResult
    public func connectionClosed(_ connection: UInt64) -> Int {
        guard connection != 0 else { return 0 }
        let places = connections.withLock { $0.remove(connection) }
        var ended = 0
        for place in places {
            let (shard, tag) = (Int(place >> 32), UInt32(truncatingIfNeeded: place))
            ended += removeBindings(shard, { $0.slots(of: tag) }) {
                // Who can be woken comes back with another one.
                FlowCode.connection($0.flow) == connection && !$0.flags.contains(.push)
            }
        }
        if ended > 0 { endedWithConnections.add(ended, ordering: .relaxed) }
        return ended
    }

    /// Bindings that have ended with their connections since the start.
    public var lostCount: Int { endedWithConnections.load(ordering: .relaxed) }

    /// Connections that bindings depend on, and others that are open and had some before.
    public var connectionCount: Int { connections.withLock { $0.count } }
}

/// Which addresses of record may have bindings by which connections.
struct ConnectionIndex {
    /// Nearly all connections are those of one phone.
    private enum Places {
        case one(UInt64)
        case many(Set<UInt64>)
    }

    private var places: [UInt64: Places] = [:]

    var count: Int { places.count }

    mutating func insert(_ place: UInt64, for connection: UInt64) {
        switch places[connection] {
        case nil: places[connection] = .one(place)
        case .one(place): return
        case .one(let first): places[connection] = .many([first, place])
        case .many(var all):
            // Taken out first, so that the set is not copied.
            places[connection] = nil
            all.insert(place)
            places[connection] = .many(all)
        }
    }

    mutating func remove(_ connection: UInt64) -> [UInt64] {
        switch places.removeValue(forKey: connection) {
        case nil: []
        case .one(let place): [place]
        case .many(let all): Array(all)
        }
    }
}
