import Foundation
import Glibc
import TestKit

/// How much of its heap a server has in use, as `Benchmarks/Heap/heap.c` tells it, which is loaded into the server.
struct HeapReport {
    private let file: String
    /// What the server has to have in its environment.
    let environment: [String: String]

    /// Compiles what is loaded.
    init(in peers: Peers) async throws {
        let library = peers.folder.file("heap.so")
        let source = Repository.file("Benchmarks/Heap/heap.c")
        _ = try await peers.run(PeerCommand("cc", ["-O2", "-shared", "-fPIC", "-o", library, source], package: "gcc"))
        file = peers.folder.file("heap")
        environment = ["LD_PRELOAD": library, "HEAP_REPORT": file]
    }

    /// The bytes that are allocated and not freed. To be asked only while the server rests, so that no thread holds a lock of the
    /// allocator.
    func live(of server: ItoServer) async throws -> Int {
        unlink(file)
        server.process.signal(SIGUSR2)
        let deadline = ContinuousClock.now + PeerProcess.patience
        while true {
            if let text = try? String(contentsOfFile: file, encoding: .utf8), text.hasSuffix("\n"),
                let bytes = Int(text.dropLast())
            {
                return bytes
            }
            guard ContinuousClock.now < deadline, server.process.isRunning else {
                throw PeerError(
                    .timedOut, "the server did not tell of its heap", transcript: server.process.transcript())
            }
            await Task.yield()
        }
    }
}
