public import Media
import Synchronization

/// A sink that keeps all samples, for a test to look at while the call goes on and afterwards.
public final class SoundRecorder: AudioSink, Sendable {
    public let sampleRate: SampleRate
    public let channels: Int
    private let state = Mutex(State())

    private struct State {
        var samples: [Int16] = []
        var waiters: [(count: Int, number: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var nextNumber: UInt64 = 0
    }

    /// A sink for sound of a rate, in one channel or two.
    public init(sampleRate: SampleRate = .narrowband, channels: Int = 1) {
        self.sampleRate = sampleRate
        self.channels = channels
    }

    /// What was heard so far.
    public var samples: [Int16] { state.withLock { $0.samples } }

    /// Waits until so many samples were heard, or the task is cancelled.
    public func heard(_ count: Int) async {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    let isThere = state.samples.count >= count || Task.isCancelled
                    if !isThere { state.waiters.append((count, number, continuation)) }
                    return isThere
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            let waiting = take { $0.number == number }
            for continuation in waiting { continuation.resume() }
        }
    }

    public func write(_ frame: Span<Int16>) {
        let heard = state.withLock { state in
            for i in frame.indices { state.samples.append(frame[i]) }
            return state.samples.count
        }
        for continuation in take({ $0.count <= heard }) { continuation.resume() }
    }

    private func take(
        _ isMeant: (_ waiter: (count: Int, number: UInt64)) -> Bool
    ) -> [CheckedContinuation<Void, Never>] {
        state.withLock { state in
            guard !state.waiters.isEmpty else { return [] }
            let taken = state.waiters.filter { isMeant(($0.count, $0.number)) }
            state.waiters.removeAll { isMeant(($0.count, $0.number)) }
            return taken.map(\.continuation)
        }
    }
}

extension [Int16] {
    /// Where `part` begins, sample for sample; nil when it is nowhere.
    public func offset(of part: some Collection<Int16>) -> Int? {
        guard let first = part.first, count >= part.count else { return nil }
        return (0...(count - part.count)).first { start in
            self[start] == first && self[start..<start + part.count].elementsEqual(part)
        }
    }
}
