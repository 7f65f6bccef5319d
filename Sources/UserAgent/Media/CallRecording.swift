import Media

/// A recording of a call that is going on, or over. It goes on when nobody holds it.
public struct CallRecording: Sendable {
    private let recorder: CallRecorder
    private let saving: Task<Void, any Error>
    private let release: @Sendable () -> Void

    init(_ recorder: CallRecorder, release: @escaping @Sendable () -> Void) {
        self.recorder = recorder
        self.release = release
        saving = Task { try await recorder.run() }
    }

    /// Ticks, of 20 ms in most calls, that were lost because the file could not keep up; silence stands for them.
    public var lostFrames: Int { recorder.lostFrames }

    /// Ends the recording and waits until the file is complete; the call goes on. Again, it only waits.
    ///
    /// - Throws: `RecordingError` when the file could not be written.
    public func end() async throws {
        recorder.close()
        release()
        try await saved()
    }

    /// Waits until the recording has ended, as it does with its call, and the file is complete.
    ///
    /// - Throws: `RecordingError` when the file could not be written.
    public func saved() async throws { try await saving.value }
}
