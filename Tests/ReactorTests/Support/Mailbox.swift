import Testing

/// Values on their way from other threads to a test, which takes them one by one and in order.
///
/// A test that waits in vain ends with its time limit: `next` throws when it is cancelled.
final class Mailbox<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func post(_ value: Value) { continuation.yield(value) }

    func next() async throws -> Value {
        var iterator = stream.makeAsyncIterator()
        return try #require(await iterator.next(isolation: nil), "cancelled while waiting")
    }

    func next(_ count: Int) async throws -> [Value] {
        var values: [Value] = []
        for _ in 0..<count { values.append(try await next()) }
        return values
    }
}
