/// The lanes of one kind, as for signalling or for media: fixed in number from the start, so that a hash finds its owner.
public struct LaneGroup: Sendable, RandomAccessCollection {
    private let lanes: [Lane]

    /// Starts `count` lanes, named `name` and their number.
    public init(name: String, count: Int, configuration: Lane.Configuration = Lane.Configuration()) throws(SocketError)
    {
        precondition(count > 0, "a group has at least one lane")
        var lanes: [Lane] = []
        do throws(SocketError) {
            for index in 0..<count {
                lanes.append(try Lane(name: "\(name)-\(index)", index: index, configuration: configuration))
            }
        } catch {
            lanes.forEach { $0.stop() }
            throw error
        }
        self.lanes = lanes
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { lanes.count }
    public subscript(index: Int) -> Lane { lanes[index] }

    /// The lane that owns what has this hash. All bits of the hash should be good; the upper ones decide.
    public func owner(ofHash hash: UInt64) -> Lane {
        lanes[Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(lanes.count)).high)]
    }

    /// The sum of what the lanes have counted.
    public var statistics: LaneStatistics {
        lanes.reduce(LaneStatistics()) { $0 + $1.statistics }
    }

    /// Asks all lanes to stop.
    public func stop() { lanes.forEach { $0.stop() } }

    /// Waits until all lanes, which were asked to stop, have done so. Blocks: not on a lane, not in a task.
    public func join() { lanes.forEach { $0.join() } }

    /// Waits until all lanes, which were asked to stop, have done so.
    public func stopped() async {
        for lane in lanes { await lane.stopped() }
    }
}
