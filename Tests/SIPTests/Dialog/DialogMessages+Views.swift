import SIP

// The machines read views, which must not outlive their message; tests hand over whole messages.

extension DialogID {
    init(receiving request: Message) throws {
        self = try request.withView { try DialogID(receiving: $0) }
    }

    init(answering response: Message) throws {
        self = try response.withView { try DialogID(answering: $0) }
    }
}

extension Dialog {
    init(request: Message, answeredBy response: Message, isSecureTransport: Bool = false) throws {
        self = try request.withView { request in
            try response.withView { response in
                try Dialog(request: request, answeredBy: response, isSecureTransport: isSecureTransport)
            }
        }
    }

    init(received request: Message, localTag: [UInt8], isConfirmed: Bool) throws {
        self = try request.withView {
            try Dialog(received: $0, localTag: localTag, isConfirmed: isConfirmed)
        }
    }

    mutating func receive(_ request: Message) throws -> Order {
        try request.withView { try receive($0) }
    }

    mutating func receive(_ response: Message, to method: SIP.Method) throws -> Outcome {
        try response.withView { try receive($0, to: method) }
    }

    mutating func refreshTarget(from message: Message) throws {
        try message.withView { try refreshTarget(from: $0) }
    }

    mutating func confirm(by response: Message) throws {
        try response.withView { try confirm(by: $0) }
    }
}

extension OutgoingInvite {
    mutating func receive(_ response: Message) -> [Action] {
        response.withView { receive($0) }
    }
}

extension IncomingInvite {
    init(request: Message, localTag: [UInt8]) throws {
        self = try request.withView { try IncomingInvite(request: $0, localTag: localTag) }
    }

    mutating func receiveAck(_ ack: Message) -> [Action] {
        ack.withView { receiveAck($0) }
    }
}

extension MergedRequests {
    mutating func isMerged(_ request: Message, transaction: UInt64) throws -> Bool {
        try request.withView { try isMerged($0, transaction: transaction) }
    }
}
