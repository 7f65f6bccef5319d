import Reactor
import SIP

/// One way to the server: a socket, or a connection.
struct LoadPath {
    /// Its place among the paths of a run, from 0.
    let index: Int
    /// Its own address.
    let local: TransportAddress
}

/// What carries the messages of a run to the server and back; lives on the lane of the run.
protocol LoadCarrier: AnyObject {
    /// All paths, those that have ended too.
    var paths: [LoadPath] { get }
    /// Whether messages may be lost, and are sent again.
    var isReliable: Bool { get }
    /// Datagrams that our own sockets have dropped.
    var drops: UInt64 { get }
    /// Whether a path can be used.
    func isOpen(_ path: Int) -> Bool
    /// Room for the next message.
    func reserve() -> UnsafeMutableRawBufferPointer
    /// Sends what was written there, no later than at the end of the lane's turn.
    func commit(_ count: Int, path: Int, to remote: TransportAddress)
    /// Ends all paths.
    func close()
}

extension LoadCarrier {
    /// The most bytes of a message that is sent.
    static var messageLimit: Int { 4_096 }
}

/// Is told what comes over the paths of a run; on its lane.
protocol LoadReceiver: AnyObject {
    /// A message has come.
    func received(_ bytes: UnsafeRawBufferPointer, path: Int, from remote: TransportAddress)
    /// A path has ended that was not closed by us.
    func ended(path: Int, _ reason: String)
}
