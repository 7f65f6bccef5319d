/// Something that a lane has to run once.
enum LaneJob: Sendable {
    /// A job of an actor or a task.
    case job(UnownedJob)
    /// Work given to `execute`.
    case work(@Sendable (Lane) -> Void)
}

/// The jobs of a lane in their order; touched by its thread only, and without bound, because jobs are never dropped.
struct JobList {
    private var jobs: [LaneJob] = []
    private var first = 0

    var isEmpty: Bool { first == jobs.count }

    mutating func append(_ job: LaneJob) { jobs.append(job) }

    /// Takes what other threads have left, and leaves them room of the same size.
    mutating func append(takingFrom arrivals: inout [LaneJob]) {
        if isEmpty && jobs.isEmpty {
            swap(&jobs, &arrivals)
        } else {
            jobs.append(contentsOf: arrivals)
            arrivals.removeAll(keepingCapacity: true)
        }
    }

    mutating func next() -> LaneJob? {
        guard first < jobs.count else { return nil }
        let job = jobs[first]
        first += 1
        if first == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 1_024 && first * 2 >= jobs.count {
            // A list that never runs empty gives back what was served.
            jobs.removeSubrange(..<first)
            first = 0
        }
        return job
    }
}
