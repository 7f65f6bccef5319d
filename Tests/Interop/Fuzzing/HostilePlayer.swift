import Foundation
import TestKit

/// A client that knows the protocol, plays whole dialogs through a server, and breaks them: it changes messages, repeats,
/// reorders and forgets them, and answers as it likes. Whatever it does follows from its seed and from what the server sends.
struct HostilePlayer {
    /// What it knows of a dialog that it has begun.
    private struct Session {
        var user: String
        var callID: String
        var fromTag: String
        var branch: String
        var cSeq = 1
        /// To, Contact and Record-Route of the last response.
        var to: String?
        var target: String?
        var route: [String] = []
        /// Who it says that it is: a stranger, or the user.
        var caller: String
        /// The challenge of the last response that had one, and how often it was answered.
        var challenge: HostileCredentials?
        var answers = 0
    }

    private var mutation: MessageMutation
    private let doors: HostileLine.Doors
    private var callers: [HostileLine] = []
    private var callees: [HostileLine] = []
    /// The challenge that each callee has got last.
    private var challenges: [Int: HostileCredentials] = [:]
    /// Lines that were opened again since the server had closed them.
    private(set) var reopened = 0
    private let users: [String]
    private var sessions: [Session] = []
    /// Messages that are held back, to come late.
    private var late: [(wire: Int, bytes: [UInt8])] = []
    private var count = 0
    /// The last messages that were sent, for whoever wants to know what broke the server.
    private(set) var last: [String] = []

    private static let remembered = 30
    private static let sessionLimit = 40
    private static let methods = [
        "INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH", "REGISTER", "FROBNICATE",
    ]

    /// The users that it registers, and calls.
    static let users = ["u0", "u1", "u2"]

    /// - Parameter seed: what the player does.
    init(seed: UInt64, doors: HostileLine.Doors) async throws {
        mutation = MessageMutation(seed: seed)
        self.doors = doors
        users = Self.users
        try await begin()
    }

    /// Opens all lines, at first and after it has left.
    mutating func begin() async throws {
        for kind in [HostileLine.Kind.udp] + HostileLine.Kind.allCases {
            callers.append(try await HostileLine(kind, doors))
        }
        for kind in [.udp, .udp] + HostileLine.Kind.allCases { callees.append(try await HostileLine(kind, doors)) }
    }

    /// Messages that were sent.
    var sent: Int { count }

    /// One move: a request, perhaps a late message, and the answers to what has come.
    ///
    /// - Throws: ``PeerError`` when the server takes no connections any more.
    mutating func step() async throws {
        try await reopen()
        if mutation.chance(8), !late.isEmpty {
            let message = late.remove(at: Int.random(in: late.indices, using: &mutation.generator))
            transmit(message.bytes, message.wire)
        }
        if mutation.chance(6) { register() } else { request() }
        for index in callees.indices { await answer(index) }
        for index in callers.indices { await listen(index) }
    }

    /// Opens anew what the server has closed, as it may when what comes is no message.
    private mutating func reopen() async throws {
        for index in callers.indices where callers[index].isOver {
            callers[index] = try await HostileLine(callers[index].kind, doors)
            reopened += 1
        }
        for index in callees.indices where callees[index].isOver {
            callees[index] = try await HostileLine(callees[index].kind, doors)
            challenges[index] = nil
            reopened += 1
        }
    }

    /// No more lines: what is open is closed.
    mutating func leave() {
        callers = []
        callees = []
        challenges = [:]
        late = []
    }

    // MARK: Requests

    private mutating func register() {
        let callee = mutation.pick(Array(callees.indices))
        let user = mutation.pick(users)
        var headers = [mutation.pick(["Expires: 300", "Expires: 60", "Supported: path, outbound"])]
        if let challenge = challenges[callee], mutation.chance(90) {
            headers.append(
                challenge.field(
                    user, "REGISTER", "sip:example.test", count: mutation.pick([1, 1, 1, 2, 0]),
                    password: mutation.chance(90) ? HostileCredentials.password : "wrong"))
            challenges[callee] = nil
        }
        var text = callees[callee].request(
            "REGISTER", "sip:example.test", from: "sip:\(user)@example.test", to: "sip:\(user)@example.test",
            branch: token(), callID: "registration-\(callee)-\(user)-\(token())", headers: headers)
        if mutation.chance(20) {
            text = text.replacing(
                "Contact: <sip:phone@", with: "Contact: <sip:\(user)@example.test>;q=0.3, <sip:phone@")
        }
        callees[callee].send(mutation.chance(30) ? mutation.mutate(text) : Wire.bytes(text))
        note(text)
    }

    private mutating func request() {
        let wire = mutation.pick(Array(callers.indices))
        if sessions.isEmpty || mutation.chance(30) { beginSession() }
        let place =
            mutation.chance(60) ? sessions.count - 1 : Int.random(in: sessions.indices, using: &mutation.generator)
        let isNew = sessions[place].to == nil
        let method =
            isNew && mutation.chance(70)
            ? mutation.pick(["INVITE", "INVITE", "SUBSCRIBE", "REFER", "MESSAGE", "OPTIONS"])
            : mutation.pick(Self.methods)
        var session = sessions[place]
        let text = write(method, &session, callers[wire])
        sessions[place] = session
        let bytes = mutation.chance(45) ? mutation.mutate(text) : Wire.bytes(text)
        if mutation.chance(7) {
            late.append((wire, bytes))
            if late.count > Self.remembered { late.removeFirst() }
            return
        }
        transmit(bytes, wire)
        if mutation.chance(8) { transmit(bytes, wire) }
    }

    private mutating func beginSession() {
        sessions.append(
            Session(
                user: mutation.pick(users), callID: "c-\(token())", fromTag: token(), branch: token(),
                caller: mutation.pick(["mallory@elsewhere.test", "u0@example.test", "u1@example.test"])))
        if sessions.count > Self.sessionLimit { sessions.removeFirst() }
    }

    private mutating func write(_ method: String, _ session: inout Session, _ line: HostileLine) -> String {
        let followsInvite = method == "ACK" || method == "CANCEL"
        if !followsInvite {
            session.cSeq += mutation.chance(90) ? 1 : -1
            session.branch = token()
        }
        let isInDialog = session.to != nil && method != "CANCEL"
        let address = "sip:\(session.user)@example.test"
        let uri = isInDialog ? session.target ?? address : address
        var lines = [
            "\(method) \(uri) SIP/2.0",
            "Via: SIP/2.0/\(line.transport) \(line.hostPort);rport;branch=z9hG4bK\(session.branch)",
            "Max-Forwards: \(mutation.pick([70, 70, 70, 1, 0]))",
        ]
        if isInDialog { lines += session.route.map { "Route: \($0)" } }
        lines += [
            "From: <sip:\(session.caller)>;tag=\(session.fromTag)",
            "To: \(isInDialog ? session.to ?? "" : "<sip:\(session.user)@example.test>")", "Call-ID: \(session.callID)",
            "CSeq: \(max(0, session.cSeq)) \(method)", "Contact: <sip:mallory@\(line.hostPort)\(line.parameter)>",
        ]
        if let challenge = session.challenge, method != "ACK", method != "CANCEL", mutation.chance(90) {
            session.answers += 1
            let user = mutation.pick([String(session.caller.prefix(2)), session.user])
            lines.append(challenge.field(user, method, uri, count: session.answers))
        }
        switch method {
        case "SUBSCRIBE", "NOTIFY", "PUBLISH":
            lines += ["Event: presence", "Expires: 60", "Subscription-State: active"]
        case "REFER": lines.append("Refer-To: <sip:u1@example.test?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")
        case "PRACK": lines.append("RAck: 1 \(max(0, session.cSeq - 1)) INVITE")
        case "INVITE":
            lines.append(
                mutation.pick([
                    "Supported: 100rel, timer", "Request-Disposition: sequential", "Session-Expires: 90", "Expires: 1",
                    "Accept-Contact: *;audio;require", "Request-Disposition: redirect", "Max-Breadth: 1",
                ]))
        default: break
        }
        let body = method == "INVITE" || method == "UPDATE" ? "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n" : ""
        let length = body.utf8.count + body.count { $0 == "\n" }
        lines += ["Content-Length: \(length)", "", body]
        return lines.joined(separator: "\n")
    }

    // MARK: What comes

    /// Answers what a callee has got, or not, or twice, or with something else.
    private mutating func answer(_ index: Int) async {
        for _ in 0..<8 {
            guard let bytes = await callees[index].receive() else { return }
            let request = SentMessage(bytes)
            if request.status == 401, let challenge = HostileCredentials(request) { challenges[index] = challenge }
            guard request.status == 0, !request.text.isEmpty, !request.startLine.hasPrefix("ACK") else { continue }
            for _ in 0..<mutation.pick([0, 1, 1, 1, 2]) {
                let status = mutation.pick([
                    100, 180, 183, 200, 200, 200, 202, 302, 400, 401, 480, 486, 491, 503, 603, 699,
                ])
                let copied = request.lines.filter { line in
                    ["via:", "record-route:", "from:", "call-id:", "cseq:"].contains { line.lowercased().hasPrefix($0) }
                }
                let to = request.values("To").first ?? ""
                var text = (["SIP/2.0 \(status) Whatever"] + copied.map(String.init)).joined(separator: "\n")
                text += "\nTo: \(to)\(to.contains("tag=") ? "" : ";tag=\(mutation.pick(["a", "b", "c"]))")"
                let host = mutation.pick([callees[index].hostPort + callees[index].parameter, "example.test"])
                text += "\nContact: <sip:\(mutation.pick(["phone", "u1"]))@\(host)>"
                text += "\nRSeq: 1\nRequire: 100rel\nContent-Length: 0\n\n"
                let answer = mutation.chance(25) ? mutation.mutate(text) : Wire.bytes(text)
                callees[index].send(answer)
                note(text)
            }
        }
    }

    /// Learns from the responses to a caller, and from requests nothing.
    private mutating func listen(_ index: Int) async {
        for _ in 0..<8 {
            guard let bytes = await callers[index].receive() else { return }
            let message = SentMessage(bytes)
            guard message.status > 100, let callID = message.values("Call-ID").first,
                let place = sessions.firstIndex(where: { $0.callID == callID })
            else { continue }
            if [401, 407].contains(message.status), let challenge = HostileCredentials(message) {
                sessions[place].challenge = challenge
                sessions[place].answers = 0
                continue
            }
            sessions[place].to = message.values("To").first
            sessions[place].target = message.values("Contact").first?.split(separator: "<").last?
                .split(separator: ">").first.map(String.init)
            sessions[place].route = message.values("Record-Route").reversed()
        }
    }

    private mutating func transmit(_ bytes: [UInt8], _ wire: Int) {
        // What a connection does not take that the server has closed goes by UDP.
        if !callers[wire].send(bytes) { callers[0].send(bytes) }
        note(String(decoding: bytes, as: UTF8.self))
    }

    private mutating func note(_ text: String) {
        count += 1
        last.append(text)
        if last.count > Self.remembered { last.removeFirst() }
    }

    private mutating func token() -> String {
        String(UInt32.random(in: 0...UInt32.max, using: &mutation.generator), radix: 36)
    }
}
