import CAres
import CLinux
import Glibc
import Synchronization

/// Asks DNS what it has of a name: c-ares on a thread of its own, so that nobody who asks waits.
///
/// Names of hosts are looked for in `/etc/hosts` too. Truncated answers are asked for again over TCP. It keeps no answers; whoever
/// asks does, for as long as the answers hold.
final class DNSClient: Sendable {
    /// Whom a client asks, and how patiently.
    struct Configuration: Hashable, Sendable {
        /// The servers; none are those of the system (`/etc/resolv.conf`).
        var servers: [TransportAddress] = []
        /// How long the first attempt at a server waits; later ones wait longer.
        var timeout: Duration = .seconds(2)
        /// How often each server is asked.
        var tries = 2
        /// The most questions that wait for an answer.
        var questionLimit = 4_096
    }

    /// The port of DNS (RFC 1035 §4.2).
    static let port: UInt16 = 53

    typealias Completion = @Sendable (Result<DNSReply, HostResolutionError>) -> Void

    /// One question on its way.
    private final class Pending: Sendable {
        let question: DNSQuestion
        let completion: Completion
        let ended: @Sendable () -> Void
        /// Asks again how long it holds that the host was not found.
        let askAgain: @Sendable (Pending, HostResolutionError) -> Void
        /// That the host was not found, when only that is asked.
        let failure: HostResolutionError?

        init(
            _ question: DNSQuestion, _ completion: @escaping Completion, ended: @escaping @Sendable () -> Void,
            askAgain: @escaping @Sendable (Pending, HostResolutionError) -> Void
        ) {
            self.question = question
            self.completion = completion
            self.ended = ended
            self.askAgain = askAgain
            failure = nil
        }

        /// The same question about its failure.
        init(_ other: Pending, _ failure: HostResolutionError) {
            question = other.question
            completion = other.completion
            ended = other.ended
            askAgain = other.askAgain
            self.failure = failure
        }

        func end(_ result: Result<DNSReply, HostResolutionError>) {
            ended()
            completion(result)
        }
    }

    private struct State {
        var waiting: [Pending] = []
        var outstanding = 0
        var isClosed = false
    }

    private let configuration: Configuration
    private let state = Mutex(State())
    /// Wakes the thread: something was asked, or the client is closed.
    private let wakeUp: Descriptor

    /// Starts a client.
    ///
    /// - Throws: `SocketError` when there is no descriptor or thread left.
    init(_ configuration: Configuration = Configuration()) throws(SocketError) {
        self.configuration = configuration
        wakeUp = try Descriptor(
            opened: eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)), by: "make an eventfd")
        // The thread keeps the client until it is closed.
        _ = try LaneThread.start { [self] in run() }
    }

    /// Asks; `completion` is called on the client's thread, and must not block.
    func ask(_ question: DNSQuestion, _ completion: @escaping Completion) {
        let pending = Pending(question, completion) { [weak self] in
            self?.state.withLock { $0.outstanding -= 1 }
        } askAgain: { [weak self] pending, failure in
            guard let self else { return pending.end(.failure(failure)) }
            state.withLock { $0.waiting.append(Pending(pending, failure)) }
            // The thread may be about to wait for what it has asked before.
            signal()
        }
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.outstanding < configuration.questionLimit else { return false }
            state.outstanding += 1
            state.waiting.append(pending)
            return true
        }
        guard isTaken else { return completion(.failure(HostResolutionError(.overloaded, question.name))) }
        signal()
    }

    /// Answers what is open with a failure, and ends the thread.
    func close() {
        state.withLock { $0.isClosed = true }
        signal()
    }

    private func signal() {
        // Fails only when the counter is full, and then the thread has been woken.
        _ = eventfd_write(wakeUp.number, 1)
    }

    // MARK: The thread

    private func run() {
        var source = DNSServerList()
        guard var channel = makeChannel() else { return refuse() }
        defer { ares_destroy(channel) }
        while true {
            let (questions, isIdle, isClosed) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.outstanding == state.waiting.count, state.isClosed)
            }
            // c-ares reads the system's list once; this machine may have come to another network since.
            if configuration.servers.isEmpty, isIdle, !questions.isEmpty, source.hasChanged(), let new = makeChannel() {
                ares_destroy(channel)
                channel = new
            }
            for pending in questions { send(pending, channel) }
            if isClosed { return ares_cancel(channel) }
            wait(channel)
        }
    }

    private func makeChannel() -> ares_channel? {
        guard ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS else { return nil }
        var options = ares_options()
        options.timeout = Int32(clamping: Int64(configuration.timeout / .milliseconds(1)))
        options.tries = Int32(clamping: max(configuration.tries, 1))
        var mask = Int32(ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES)
        // The system's search list belongs to the system's servers.
        if !configuration.servers.isEmpty { mask |= Int32(ARES_OPT_DOMAINS) }
        var channel: ares_channel?
        let status = ares_init_options(&channel, &options, mask)
        guard status == ARES_SUCCESS, let channel else { return nil }
        let servers = configuration.servers.map { server in
            (server.port == 0 ? server.with(port: Self.port) : server).description
        }
        guard
            servers.isEmpty
                || ares_set_servers_ports_csv(channel, servers.joined(separator: ",")) == ARES_SUCCESS
        else {
            ares_destroy(channel)
            return nil
        }
        return channel
    }

    /// There is no c-ares: each question fails.
    private func refuse() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for pending in waiting { pending.end(.failure(HostResolutionError(.unavailable, pending.question.name))) }
    }

    private func send(_ pending: Pending, _ channel: ares_channel) {
        if !pending.question.isOfHost, isLocal(pending.question.host, channel) {
            return pending.end(.success(DNSReply()))
        }
        // Given back by the callback, which c-ares calls exactly once for each question.
        let argument = Unmanaged.passRetained(pending).toOpaque()
        if pending.failure != nil, case .addresses(let name, let families) = pending.question {
            return ares_query(
                channel, name, 1, families == .ipv6 ? Self.addressTypes.ipv6 : Self.addressTypes.ipv4, Self.denied,
                argument)
        }
        switch pending.question {
        case .naptr(let name):
            ares_query(channel, name, 1, Int32(DNSRecordType.naptr.rawValue), Self.answered, argument)
        case .srv(let name): ares_query(channel, name, 1, Int32(DNSRecordType.srv.rawValue), Self.answered, argument)
        case .addresses(let name, let families):
            var hints = ares_addrinfo_hints()
            hints.ai_family =
                switch families {
                case .both: AF_UNSPEC
                case .ipv4: AF_INET
                case .ipv6: AF_INET6
                }
            hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
            ares_getaddrinfo(channel, name, nil, &hints, Self.located, argument)
        }
    }

    /// Whether a host is one that DNS is not asked about services of: those of `/etc/hosts`, whose owner has said where they are, and
    /// those that mean this machine, or nothing (RFC 6761 §6.3, §6.4).
    private func isLocal(_ host: String, _ channel: ares_channel) -> Bool {
        if Self.isSpecial(host) { return true }
        for family in [AF_INET, AF_INET6] {
            var entry: UnsafeMutablePointer<hostent>?
            let status = ares_gethostbyname_file(channel, host, family, &entry)
            if let entry { ares_free_hostent(entry) }
            if status == ARES_SUCCESS { return true }
        }
        return false
    }

    private static func isSpecial(_ host: String) -> Bool {
        let last = host.split(separator: ".").last
        return last == "localhost" || last == "invalid"
    }

    /// Waits for the sockets of c-ares, its timers, and the next question; serves the former.
    private func wait(_ channel: ares_channel) {
        var sockets = [ares_socket_t](repeating: -1, count: Int(ARES_GETSOCK_MAXNUM))
        let wanted = UInt32(bitPattern: ares_getsock(channel, &sockets, ARES_GETSOCK_MAXNUM))
        var descriptors = [pollfd(fd: wakeUp.number, events: Int16(POLLIN), revents: 0)]
        for (index, socket) in sockets.enumerated() {
            let (reads, writes) = (wanted & 1 << index != 0, wanted & 1 << (index + sockets.count) != 0)
            guard reads || writes else { continue }
            descriptors.append(
                pollfd(fd: socket, events: Int16((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), revents: 0))
        }
        var time = timeval()
        let isTimed = ares_timeout(channel, nil, &time) != nil
        let milliseconds = isTimed ? Int32(clamping: time.tv_sec * 1_000 + (time.tv_usec + 999) / 1_000) : -1
        let ready = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
        if descriptors[0].revents != 0 {
            var count: eventfd_t = 0
            _ = eventfd_read(wakeUp.number, &count)
        }
        guard ready > 0 else { return ares_process_fd(channel, -1, -1) }
        for descriptor in descriptors.dropFirst() where descriptor.revents != 0 {
            let isReadable = Int32(descriptor.revents) & (POLLIN | POLLERR | POLLHUP) != 0
            let isWritable = Int32(descriptor.revents) & POLLOUT != 0
            ares_process_fd(channel, isReadable ? descriptor.fd : -1, isWritable ? descriptor.fd : -1)
        }
    }

    // MARK: Answers

    /// The types A (RFC 1035 §3.4.1) and AAAA (RFC 3596 §2.1).
    private static let addressTypes: (ipv4: Int32, ipv6: Int32) = (1, 28)

    /// The authority of the zone says how long it holds that there is no address (RFC 2308 §5), which c-ares does not tell of the
    /// search for them.
    private static let denied: ares_callback = { argument, _, _, bytes, count in
        guard let argument else { return }
        let pending = Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
        let name = pending.question.name
        var lifetime: UInt32?
        if let bytes, count > 0,
            let answer = try? DNSAnswer(parsing: UnsafeRawBufferPointer(start: bytes, count: Int(count))),
            answer.status == 0 || answer.status == 3
        {
            lifetime = answer.lifetime(of: HostName.normalized(name))
        }
        let failure = pending.failure
        pending.end(
            .failure(
                HostResolutionError(
                    failure?.code ?? .notFound, name, detail: failure?.detail ?? "", lifetime: lifetime)))
    }

    private static let answered: ares_callback = { argument, status, _, bytes, count in
        guard let argument else { return }
        let pending = Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
        let name = pending.question.name
        guard let bytes, count > 0 else { return pending.end(.failure(failure(status, name))) }
        do throws(DNSDefect) {
            let answer = try DNSAnswer(parsing: UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            // A server that fails, or refuses, has said nothing of the name.
            guard answer.status == 0 || answer.status == 3 else {
                return pending.end(.failure(failure(status, name)))
            }
            let asked = HostName.normalized(name)
            let records = answer.records(of: asked).map(\.data).filter { record in
                switch (record, pending.question) {
                case (.srv, .srv), (.naptr, .naptr): true
                default: false
                }
            }
            pending.end(.success(DNSReply(records: records, lifetime: answer.lifetime(of: asked))))
        } catch {
            pending.end(.failure(HostResolutionError(.unavailable, name, detail: "the answer is malformed: \(error)")))
        }
    }

    private static let located: ares_addrinfo_callback = { argument, status, _, list in
        guard let argument else { return }
        defer { if let list { ares_freeaddrinfo(list) } }
        let pending = Unmanaged<Pending>.fromOpaque(argument).takeRetainedValue()
        guard status == ARES_SUCCESS, let list else {
            let error = failure(status, pending.question.name)
            guard error.code == .notFound, !isSpecial(pending.question.name) else {
                return pending.end(.failure(error))
            }
            return pending.askAgain(pending, error)
        }
        var reply = DNSReply()
        var next = list.pointee.nodes
        while let node = next?.pointee {
            next = node.ai_next
            guard let pointer = node.ai_addr,
                let address = TransportAddress(
                    socketAddress: UnsafeRawPointer(pointer), length: Int(node.ai_addrlen))
            else { continue }
            if !reply.addresses.contains(address) { reply.addresses.append(address) }
            let lifetime = UInt32(clamping: max(node.ai_ttl, 0))
            reply.lifetime = min(reply.lifetime ?? lifetime, lifetime)
        }
        pending.end(.success(reply))
    }

    private static func failure(_ status: Int32, _ name: String) -> HostResolutionError {
        let isAbsent = status == ARES_ENOTFOUND || status == ARES_ENODATA
        return HostResolutionError(
            isAbsent ? .notFound : .unavailable, name, detail: String(cString: ares_strerror(status)))
    }
}

extension DNSQuestion {
    fileprivate var isOfHost: Bool {
        if case .addresses = self { return true }
        return false
    }
}
