import Dispatch
import Glibc

/// The signals that a server lives by, as a stream.
struct Signals: ~Copyable {
    /// The signals as they come.
    let stream: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    /// Takes over `numbers` from their usual effect.
    init(_ numbers: [Int32]) {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        self.stream = stream
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    deinit { for source in sources { source.cancel() } }
}
