import Synchronization

/// Records a stream into a WAV file without ever blocking its lane: the lane puts frames into a ring, and `run()`, above
/// the lanes, writes them to the file.
///
/// ```swift
/// let recorder = try WAVRecorder(path: "call.wav")
/// async let recording: Void = recorder.run()
/// …                    // the stream's sink is `recorder`
/// recorder.close()
/// try await recording  // the file is complete
/// ```
///
/// Exactly one lane writes, and one task at a time drains.
///
/// `@unchecked Sendable`: `memory` is written by the lane only between `head` and `tail + capacity` and read by the
/// drainer only between `tail` and `head`; both counters are atomic and published with release/acquire order. The file
/// belongs to whoever holds the lock of `writer`.
public final class WAVRecorder: AudioSink, @unchecked Sendable {
    public let sampleRate: SampleRate

    public let channels: Int

    /// Sound that the ring holds; a file that is blocked for longer loses sound, which is counted.
    public static let capacity = Duration.seconds(4)

    /// How often `run()` writes to the file.
    public static let drainInterval = Duration.milliseconds(100)

    private let memory: UnsafeMutableBufferPointer<Int16>
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let lost = Atomic<Int>(0)
    private let closed = Atomic<Bool>(false)
    private let writer: Mutex<WAVWriter?>

    /// Makes the file. Blocks: call it above the lanes.
    ///
    /// - Parameter channels: 1, or 2 for what is heard in stereo; other sound is in both.
    public init(
        path: String, sampleRate: SampleRate = .narrowband, channels: Int = 1, encoding: WAVFormat.Encoding = .pcm16
    ) throws(WAVError) {
        self.sampleRate = sampleRate
        let format = WAVFormat(encoding: encoding, sampleRate: sampleRate, channels: channels)
        self.channels = format.channels
        let file = try WAVWriter(path: path, format: format)
        writer = Mutex(file)
        memory = .allocate(capacity: max(1, sampleRate.samples(in: Self.capacity)) * format.channels)
        memory.initialize(repeating: 0)
    }

    deinit {
        memory.deallocate()
    }

    /// Samples of all channels that were lost because the file could not keep up.
    public var lostSamples: Int { lost.load(ordering: .relaxed) }

    public func write(_ frame: Span<Int16>) {
        guard !closed.load(ordering: .relaxed) else { return }
        let start = head.load(ordering: .relaxed)
        let free = memory.count - (start - tail.load(ordering: .acquiring))
        let count = min(frame.count, free)
        for index in 0..<count { memory[(start + index) % memory.count] = frame[index] }
        head.store(start + count, ordering: .releasing)
        if count < frame.count { lost.add(frame.count - count, ordering: .relaxed) }
    }

    /// Ends the recording: `run()` writes what is left and returns.
    public func close() {
        closed.store(true, ordering: .releasing)
    }

    /// Writes to the file until `close()` is called, or the task is cancelled, and completes the file.
    public func run() async throws {
        while !closed.load(ordering: .acquiring) {
            try drain()
            do {
                try await Task.sleep(for: Self.drainInterval)
            } catch {
                // Cancelled: what was recorded is still saved.
                close()
            }
        }
        try finish()
    }

    /// Writes what waits in the ring. Blocks on the file.
    public func drain() throws(WAVError) {
        try writer.withLock { file throws(WAVError) in
            try empty(into: &file)
        }
    }

    /// Writes what waits and completes the file; later sound is dropped.
    public func finish() throws(WAVError) {
        close()
        try writer.withLock { file throws(WAVError) in
            try empty(into: &file)
            guard let complete = file.take() else { return }
            try complete.finish()
        }
    }

    private func empty(into file: inout WAVWriter?) throws(WAVError) {
        var start = tail.load(ordering: .relaxed)
        let end = head.load(ordering: .acquiring)
        while start < end {
            let offset = start % memory.count
            let count = min(end - start, memory.count - offset)
            let part = UnsafeBufferPointer(rebasing: memory[offset..<offset + count])
            try file?.write(part.span)
            start += count
            tail.store(start, ordering: .releasing)
        }
    }
}
