import Glibc
import Reactor
import Registrar
import Routing
import SIP
import SIPEndpoint
import Synchronization

// What a REGISTER costs between the datagram's arrival and the answer's bytes, without sockets, and what a binding takes.
//
//     swift run -c release RegistrarBenchmark [users, 100000 when not given]

/// An endpoint's world without a network: answers are written and dropped.
final class NullDriver: EndpointDriver {
    let now = ContinuousClock.Instant.now
    private(set) var answers = 0
    private(set) var lastBytes = 0
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_507, alignment: 16)

    func schedule(_ token: UInt64, after delay: Duration) -> UInt64 { 1 }
    func cancel(timer: UInt64) {}
    func reserveDatagram(_ listener: Int) -> UnsafeMutableRawBufferPointer? { memory }
    func commitDatagram(_ listener: Int, count: Int, to remote: TransportAddress, from local: TransportAddress) {
        answers += 1
        lastBytes = count
    }
    func sendStream(_ connection: UInt64, _ bytes: UnsafeRawBufferPointer) -> Bool { true }
    func connect(to target: Target) -> UInt64 { 0 }
    func ask(_ query: ServerLocator.Query, _ completion: @escaping (NameAnswer) -> Void) { completion(NameAnswer()) }
    func random() -> UInt64 { 0x5EED }

    var lastAnswer: String { String(decoding: memory[0..<lastBytes], as: UTF8.self) }
}

/// Everybody is a user.
final class Everybody: Directory {
    func isUser(_ user: UnsafeRawBufferPointer, domain: Int) -> Bool { true }
    func secret(user: UnsafeRawBufferPointer, domain: Int, algorithm: DigestAlgorithmName) -> [UInt8]? { nil }
}

/// A journal that takes note of everything and keeps nothing.
final class NullJournal: BindingJournal {
    let changes = Atomic<Int>(0)
    var isLagging: Bool { false }
    var lag: Duration { .zero }
    func upsert(_ record: JournalRecord) -> Bool {
        changes.add(1, ordering: .relaxed)
        return true
    }
    func remove(addressOfRecord: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer) -> Bool { true }
    func removeAll(addressOfRecord: UnsafeRawBufferPointer) -> Bool { true }
}

/// Gives REGISTER to the registrar; or answers at once, to show what all else costs.
final class Handler: RequestHandler {
    let registrar: Registrar
    var bypasses = false

    init(_ registrar: Registrar) { self.registrar = registrar }

    func receive(_ request: IncomingRequest, in layer: TransactionLayer) {
        if bypasses { return layer.respondStatelessly(to: request, 200) }
        registrar.receive(request, in: layer, domain: 0)
    }
    func receiveUnmatchedCancel(_ request: IncomingRequest, in layer: TransactionLayer) {}
    func timerFired(_ token: UInt64, in layer: TransactionLayer) {}
}

/// The requests of many phones, made ahead.
func requests(_ users: Int, cSeq: Int, tag: String = "") -> [[UInt8]] {
    (0..<users).map { i in
        let number = String(1_000_000 + i)
        let user = "user" + number.dropFirst()
        return Array(
            """
            REGISTER sip:example.com SIP/2.0\r
            Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-\(number)-\(cSeq)\(tag);rport\r
            Max-Forwards: 70\r
            From: <sip:\(user)@example.com>;tag=\(number)\r
            To: <sip:\(user)@example.com>\r
            Call-ID: 7c9e6679-7425-40de-944b-e07f\(number)0\r
            CSeq: \(cSeq) REGISTER\r
            Contact: <sip:\(user)@192.0.2.1:5060;transport=UDP;ob;x=\(number)>\
            ;+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000\(number)>";reg-id=1\r
            Expires: 3600\r
            User-Agent: Benchmark\r
            Content-Length: 0\r
            \r

            """.utf8)
    }
}

func seconds(_ body: () -> Void) -> Double {
    var start = timespec()
    var end = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
    body()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
    return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
}

/// The private memory of the process in bytes.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    guard fgets(&text, 128, file) != nil else { return 0 }
    let fields = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
        separator: " ")
    return (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}

func measure(users: Int, journal: NullJournal?) {
    let table = BindingTable(
        domains: DomainTable([.init(name: "example.com")]), directory: Everybody(), journal: journal)
    let handler = Handler(Registrar(table: table))
    let driver = NullDriver()
    let address = TransportAddress(ipv4: 0xC000_02FE, port: 5_060)
    let layer = TransactionLayer(
        driver: driver, configuration: EndpointConfiguration(), listeners: [Listener(.udp, address)], handler: handler)
    let flow = Flow(
        transport: .udp, listener: 0, local: address, remote: TransportAddress(ipv4: 0xC000_0201, port: 5_060))

    func run(_ name: String, _ batch: [[UInt8]], bypasses: Bool = false) {
        handler.bypasses = bypasses
        let before = driver.answers
        let time = seconds { for bytes in batch { bytes.withUnsafeBytes { layer.receive($0, flow) } } }
        precondition(driver.answers - before == batch.count, "each request has its answer")
        print("\(name): \(Int(time / Double(batch.count) * 1e9)) ns")
    }

    print("--- \(users) users, \(journal == nil ? "memory only" : "with a journal that keeps nothing")")
    let first = requests(users, cSeq: 1)
    let second = requests(users, cSeq: 2)
    run("indexing and an empty 200", first, bypasses: true)
    let before = residentBytes()
    run("new binding", first)
    let grown = residentBytes() - before
    print(driver.lastAnswer.split(separator: "\r\n")[0], "of \(driver.lastBytes) bytes to \(first[0].count)")
    print("resident growth: \(grown / users) bytes a binding")
    run("refresh, whole table", second)
    run("repeat, whole table", second)
    let hot = (3..<203).flatMap { cSeq in requests(min(users, 500), cSeq: cSeq) }
    run("refresh, 500 users", hot)
    run("indexing and an empty 200, 500 users", hot, bypasses: true)
    var found = 0
    let names = (0..<users).map { Array("user\(String(1_000_000 + $0).dropFirst())".utf8) }
    let time = seconds {
        for name in names {
            if case .bindings = name.withUnsafeBytes({ table.location(user: $0, domain: 0) }) { found += 1 }
        }
    }
    precondition(found == users)
    print("location: \(Int(time / Double(users) * 1e9)) ns")
    var visited = 0
    let sweep = seconds { visited = table.sweep(now: table.now, budget: users).visited }
    print("sweep: \(Int(sweep / Double(max(1, visited)) * 1e10) / 10) ns a slot")
}

let users = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
measure(users: users, journal: nil)
measure(users: users, journal: NullJournal())
