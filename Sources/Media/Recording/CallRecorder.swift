import Synchronization

/// Records both directions of a call into a file with two channels, left what this side hears and right what it says, without ever
/// blocking the lane: that puts frames into a ring, and `run()`, above the lanes, writes them to the file.
///
/// ```swift
/// let recorder = try CallRecorder(path: "call.opus")
/// async let recording: Void = recorder.run()
/// …                    // the stream records with `recorder`
/// recorder.close()
/// try await recording  // the file is complete
/// ```
///
/// The file can be read by its owner only (mode 0600), and at any moment, also when the program is killed: but for the last second,
/// all is there. A moment of the call has the same place in both channels.
///
/// Exactly one stream writes, and one task at a time drains.
///
/// `@unchecked Sendable`: the lane writes `entries` and `samples` only beyond what the drainer has still to read, and the drainer
/// reads only what the lane has published; the counters are atomic and published with release/acquire order, and `nextSample` is the
/// lane's own. `drainer` is touched under the lock of `finished` only.
public final class CallRecorder: @unchecked Sendable {
    /// The kind of a file.
    public enum Format: Hashable, Sendable, CaseIterable {
        /// 16-bit samples in a WAV file, at most 4 GiB.
        case wav
        /// Opus in Ogg (RFC 7845).
        case opus

        /// The kind that the name of a file stands for: `.wav`, or `.opus` and `.ogg`; nil for others.
        public init?(path: String) {
            let name = path.lowercased()
            if name.hasSuffix(".wav") {
                self = .wav
            } else if name.hasSuffix(".opus") || name.hasSuffix(".ogg") {
                self = .opus
            } else {
                return nil
            }
        }
    }

    /// Rate of the recording; sound of other rates is converted.
    public let sampleRate: SampleRate

    /// Sound of both directions at 16 kHz that the ring holds; a file that is blocked for longer loses frames, which are counted, and
    /// silence stands for them.
    public static let capacity = Duration.seconds(4)

    /// Ticks that the ring holds.
    public static let tickCapacity = 1024

    /// How often `run()` writes to the file.
    public static let drainInterval = Duration.milliseconds(100)

    /// The frames of one tick.
    private struct Entry {
        var due: ContinuousClock.Instant
        var heard: (count: Int, rate: SampleRate)
        var said: (count: Int, rate: SampleRate)
    }

    private let entries: UnsafeMutableBufferPointer<Entry>
    private let samples: UnsafeMutableBufferPointer<Int16>
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    /// Samples that were drained.
    private let sampleTail = Atomic<Int>(0)
    /// Samples that were written.
    private var nextSample = 0
    private let lost = Atomic<Int>(0)
    private let closed = Atomic<Bool>(false)
    private let claimed = Atomic<Bool>(false)
    /// Whether the file is complete; its lock is that of `drainer`.
    private let finished = Mutex(false)
    private let drainer: Drainer

    /// Makes the file. Blocks: call it above the lanes.
    ///
    /// - Parameters:
    ///   - format: nil for what the name of the file stands for.
    ///   - sampleRate: for Opus 8, 12, 16, 24 or 48 kHz.
    public init(
        path: String, format: Format? = nil, sampleRate: SampleRate = .wideband
    ) throws(RecordingError) {
        guard let format = format ?? Format(path: path) else {
            throw RecordingError(.unsupported, path, "is no name of a recording: it ends in .wav, .opus or .ogg")
        }
        self.sampleRate = sampleRate
        drainer = try Drainer(path: path, format: format, sampleRate: sampleRate)
        entries = .allocate(capacity: Self.tickCapacity)
        entries.initialize(
            repeating: Entry(due: .now, heard: (0, .narrowband), said: (0, .narrowband)))
        samples = .allocate(capacity: 2 * SampleRate.wideband.samples(in: Self.capacity))
        samples.initialize(repeating: 0)
    }

    deinit {
        entries.deallocate()
        samples.deallocate()
    }

    /// Ticks that were lost because the file could not keep up.
    public var lostFrames: Int { lost.load(ordering: .relaxed) }

    /// Makes the recorder that of one stream.
    ///
    /// - Returns: false when it has one already.
    func claim() -> Bool { !claimed.exchange(true, ordering: .acquiringAndReleasing) }

    /// Takes the frames of a tick, or none of them; on the lane.
    ///
    /// - Parameter due: when the tick was due.
    public func write(
        heard: Span<Int16>, at heardRate: SampleRate, said: Span<Int16>, at saidRate: SampleRate,
        due: ContinuousClock.Instant
    ) {
        guard !closed.load(ordering: .relaxed) else { return }
        let place = head.load(ordering: .relaxed)
        let used = nextSample - sampleTail.load(ordering: .acquiring)
        guard place - tail.load(ordering: .acquiring) < entries.count,
            used + heard.count + said.count <= samples.count
        else {
            lost.add(1, ordering: .relaxed)
            return
        }
        put(heard)
        put(said)
        entries[place % entries.count] = Entry(
            due: due, heard: (heard.count, heardRate), said: (said.count, saidRate))
        head.store(place + 1, ordering: .releasing)
    }

    private func put(_ frame: Span<Int16>) {
        var place = nextSample % samples.count
        for index in frame.indices {
            samples[place] = frame[index]
            place += 1
            if place == samples.count { place = 0 }
        }
        nextSample += frame.count
    }

    /// Ends the recording: `run()` writes what is left and returns.
    public func close() {
        closed.store(true, ordering: .releasing)
    }

    /// Writes to the file until `close()` is called, or the task is cancelled, and completes the file.
    public func run() async throws(RecordingError) {
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

    /// Writes what waits in the ring. Blocks on the file; after an error the recording is closed.
    public func drain() throws(RecordingError) {
        try finished.withLock { isFinished throws(RecordingError) in
            guard !isFinished else { return }
            try empty()
        }
    }

    /// Writes what waits and completes the file; later sound is dropped.
    public func finish() throws(RecordingError) {
        close()
        try finished.withLock { isFinished throws(RecordingError) in
            guard !isFinished else { return }
            isFinished = true
            try empty()
            try drainer.finish()
        }
    }

    private func empty() throws(RecordingError) {
        do throws(RecordingError) {
            var place = tail.load(ordering: .relaxed)
            let end = head.load(ordering: .acquiring)
            while place < end {
                let entry = entries[place % entries.count]
                var start = sampleTail.load(ordering: .relaxed)
                drainer.copy(entry.heard.count, of: samples, from: start, isHeard: true)
                start += entry.heard.count
                drainer.copy(entry.said.count, of: samples, from: start, isHeard: false)
                start += entry.said.count
                sampleTail.store(start, ordering: .releasing)
                place += 1
                tail.store(place, ordering: .releasing)
                try drainer.take(heardAt: entry.heard.rate, saidAt: entry.said.rate, due: entry.due)
            }
        } catch {
            close()
            throw error
        }
    }
}

/// What of a recorder belongs to who drains it: the timeline and the file.
private final class Drainer {
    private var timeline: RecordingTimeline
    private var wav: WAVWriter?
    private var opus: OggOpusWriter?
    private var heard: [Int16] = []
    private var said: [Int16] = []

    init(path: String, format: CallRecorder.Format, sampleRate: SampleRate) throws(RecordingError) {
        timeline = RecordingTimeline(sampleRate: sampleRate)
        switch format {
        case .wav:
            opus = nil
            do throws(WAVError) {
                wav = try WAVWriter(
                    path: path, format: WAVFormat(encoding: .pcm16, sampleRate: sampleRate, channels: 2),
                    isPrivate: true)
            } catch {
                throw RecordingError(error)
            }
        case .opus:
            wav = nil
            opus = try OggOpusWriter(path: path, sampleRate: sampleRate, channels: 2)
        }
    }

    /// Copies a frame out of the ring.
    func copy(_ count: Int, of ring: UnsafeMutableBufferPointer<Int16>, from start: Int, isHeard: Bool) {
        var frame: [Int16] = []
        if isHeard { swap(&frame, &heard) } else { swap(&frame, &said) }
        frame.removeAll(keepingCapacity: true)
        for index in 0..<count { frame.append(ring[(start + index) % ring.count]) }
        if isHeard { swap(&frame, &heard) } else { swap(&frame, &said) }
    }

    /// Writes the frames that were copied.
    func take(
        heardAt heardRate: SampleRate, saidAt saidRate: SampleRate, due: ContinuousClock.Instant
    ) throws(RecordingError) {
        while timeline.fill(upTo: due) { try write() }
        let (left, right) = (heard, said)
        timeline.take(heard: left.span, at: heardRate, said: right.span, at: saidRate, due: due)
        try write()
    }

    func finish() throws(RecordingError) {
        timeline.finish()
        try write()
        try opus?.finish()
        guard let complete = wav.take() else { return }
        do throws(WAVError) {
            try complete.finish()
        } catch {
            throw RecordingError(error)
        }
    }

    private func write() throws(RecordingError) {
        let sound = timeline.ready
        timeline.clear()
        try opus?.write(sound.span)
        do throws(WAVError) {
            try wav?.write(sound.span)
        } catch {
            throw RecordingError(error)
        }
    }
}
