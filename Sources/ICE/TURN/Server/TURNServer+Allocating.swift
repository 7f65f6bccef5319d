/// How allocations are made and refreshed (RFC 8656 §7, §8).
extension TURNServer {
    /// Which port a relay is to have.
    public enum Port: Hashable, Sendable {
        case any
        /// An even one (EVEN-PORT).
        case even
        /// An even one, and the next is kept for another allocation (the R bit of EVEN-PORT).
        case evenWithNext
        /// That which was kept and is named by the token (RESERVATION-TOKEN); of whatever family it is.
        case reserved(UInt64)
    }

    /// Relays that are to be opened.
    public struct Opening: Sendable {
        /// The families that addresses are wanted of: one, or both; none where ``port`` says it.
        public var families: [TURNFamily]
        public var port: Port
        /// What peers send to them.
        public var transport: TURNTransport
        let path: TURNPath
        let proof: Proof
        let account: [UInt8]
        let transaction: STUNTransactionID
        let lifetime: Duration
        let slot: Int
        let generation: UInt32
        /// The family that was wanted and that the server does not have.
        let lacking: TURNFamily?

        /// What names the relay of a family.
        public func id(_ family: TURNFamily) -> TURNRelayID {
            TURNRelayID(slot: slot, generation: generation, family)
        }
    }

    /// Relays that were opened.
    public struct Opened: Hashable, Sendable {
        /// Their addresses, as peers know them; none when there is no room.
        public var addresses: [STUNAddress]
        /// What names the port that is kept for another allocation.
        public var token: UInt64?

        public init(_ addresses: [STUNAddress], token: UInt64? = nil) {
            self.addresses = addresses
            self.token = token
        }
    }

    /// Takes an Allocate request (RFC 8656 §7.2).
    mutating func allocate(
        _ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        if let slot = paths[path] {
            guard slots[slot].transaction == message.transaction, slots[slot].user == proof.user else {
                return refuse(message, .allocationMismatch, proof, into: &memory)
            }
            return tellAllocated(slot, proof, lacking: nil, into: &memory, now: now)
        }
        let wanted: Wanted
        do throws(Refusal) {
            wanted = try want(message, bytes, path)
        } catch {
            return refuse(message, error.code, proof, into: &memory)
        }
        let account = accounts.account(of: proof.user)
        guard quota.take(account) else {
            statistics.quotaRefusals += 1
            return refuse(message, .allocationQuotaReached, proof, into: &memory)
        }
        let slot = free.last ?? slots.count
        opening = Opening(
            families: wanted.families, port: wanted.port, transport: wanted.transport, path: path, proof: proof,
            account: account,
            transaction: message.transaction, lifetime: lifetime(message.word32(.lifetime, in: bytes)), slot: slot,
            generation: slot < slots.count ? (slots[slot].generation &+ 1) & 0x7FFF_FFFF : 1, lacking: wanted.lacking)
        return .open
    }

    /// A plain error, so that throwing it allocates nothing.
    private struct Refusal: Error { var code: STUNErrorCode }

    private struct Wanted {
        var families: [TURNFamily]
        var port: Port
        var transport = TURNTransport.udp
        var lacking: TURNFamily?
    }

    /// What an Allocate request asks for (RFC 8656 §7.2, steps 3 to 9).
    private func want(_ message: STUNMessage, _ bytes: RawSpan, _ path: TURNPath) throws(Refusal) -> Wanted {
        guard let number = message.word32(.requestedTransport, in: bytes) else { throw Refusal(code: .badRequest) }
        guard let transport = TURNTransport(rawValue: UInt8(number >> 24)),
            transport == .udp || configuration.mostConnections > 0
        else { throw Refusal(code: .unsupportedTransport) }
        guard transport == .tcp else { return try want(message, bytes) }
        // RFC 6062 §5.1.
        guard path.isStream, !message.has(.evenPort, in: bytes), !message.has(.reservationToken, in: bytes),
            !message.has(.dontFragment, in: bytes)
        else { throw Refusal(code: .badRequest) }
        var wanted = try want(message, bytes)
        wanted.transport = .tcp
        return wanted
    }

    /// The port and the families that an Allocate request asks for.
    private func want(_ message: STUNMessage, _ bytes: RawSpan) throws(Refusal) -> Wanted {
        let evenPort = message.octets(.evenPort, in: bytes)
        let (hasOne, hasBoth) = (
            message.has(.requestedAddressFamily, in: bytes), message.has(.additionalAddressFamily, in: bytes)
        )
        if message.has(.reservationToken, in: bytes) {
            guard evenPort == nil, !hasOne, !hasBoth, let token = message.word64(.reservationToken, in: bytes) else {
                throw Refusal(code: .badRequest)
            }
            return Wanted(families: [], port: .reserved(token))
        }
        let isPaired = (evenPort?.first ?? 0) & 0x80 != 0
        guard !hasOne || !hasBoth, evenPort.map({ $0.count == 1 }) ?? true, !isPaired || !hasBoth else {
            throw Refusal(code: .badRequest)
        }
        let port: Port = evenPort == nil ? .any : isPaired ? .evenWithNext : .even
        let has = configuration.families
        if hasBoth {
            guard let number = message.word32(.additionalAddressFamily, in: bytes), number >> 24 == 2 else {
                throw Refusal(code: .badRequest)
            }
            let families = TURNFamily.allCases.filter(has.contains)
            return Wanted(families: families, port: port, lacking: TURNFamily.allCases.first { !has.contains($0) })
        }
        var family = TURNFamily.ip4
        if hasOne {
            guard let number = message.word32(.requestedAddressFamily, in: bytes) else {
                throw Refusal(code: .badRequest)
            }
            guard let named = TURNFamily(rawValue: UInt8(number >> 24)) else {
                throw Refusal(code: .addressFamilyNotSupported)
            }
            family = named
        }
        guard has.contains(family) else { throw Refusal(code: .addressFamilyNotSupported) }
        return Wanted(families: [family], port: port)
    }

    /// Goes on with an Allocate request when its relays were opened, or could not be.
    ///
    /// - Parameter memory: for the answer, at least ``answerSize`` octets.
    /// - Returns: an answer.
    public mutating func opened(_ opened: Opened, into memory: inout MutableRawSpan, now: Instant) -> Outcome {
        guard let opening else { return .nothing }
        self.opening = nil
        guard let first = opened.addresses.first else {
            quota.give(opening.account)
            statistics.capacityRefusals += 1
            return write(.error, .allocate, opening.transaction, opening.proof, into: &memory) {
                (writer, memory) throws(STUNDefect) in
                try writer.add(.insufficientCapacity, into: &memory)
            }
        }
        var allocation = TURNAllocation(
            path: opening.path, user: opening.proof.user, account: opening.account, transaction: opening.transaction,
            token: opened.token, generation: opening.generation, transport: opening.transport,
            noted: now)
        for address in opened.addresses {
            allocation[address.family] = TURNAllocation.Relay(address: address, expires: now + opening.lifetime)
        }
        if opening.slot < slots.count {
            slots[opening.slot] = allocation
            free.removeLast()
        } else {
            slots.append(allocation)
        }
        paths[opening.path] = opening.slot
        slots[opening.slot].noted = ring.insert(
            ExpiryRing.Entry(slot: opening.slot, generation: opening.generation), at: now + opening.lifetime)
        statistics.allocations += 1
        statistics.allocated += 1
        var lacking = opening.lacking.map { Lack(family: $0, error: .addressFamilyNotSupported) }
        if opening.families.count == 2, opened.addresses.count == 1 {
            lacking = Lack(family: first.family.other, error: .insufficientCapacity)
        }
        return tellAllocated(opening.slot, opening.proof, lacking: lacking, into: &memory, now: now)
    }

    /// A family of which there is no relay though it was asked for.
    private struct Lack {
        var family: TURNFamily
        var error: STUNErrorCode
    }

    /// The success response to an Allocate request, also to one that is sent again.
    private func tellAllocated(
        _ slot: Int, _ proof: Proof, lacking: Lack?, into memory: inout MutableRawSpan, now: Instant
    ) -> Outcome {
        let allocation = slots[slot]
        return write(.success, .allocate, allocation.transaction, proof, into: &memory) {
            (writer, memory) throws(STUNDefect) in
            for family in TURNFamily.allCases {
                guard let relay = allocation[family] else { continue }
                try writer.add(.xorRelayedAddress, relay.address, into: &memory)
            }
            let rest = (allocation.expires ?? now) - now
            try writer.add(.lifetime, UInt32(clamping: rest.components.seconds), into: &memory)
            if let token = allocation.token { try writer.add(.reservationToken, token, into: &memory) }
            if let lacking {
                // The family, and behind it what ERROR-CODE has (RFC 8656 §18.12).
                let code = UInt32(lacking.error.rawValue)
                let word = UInt32(lacking.family.rawValue) << 24 | (code / 100) << 8 | code % 100
                try writer.add(.addressErrorCode, word, into: &memory)
            }
            try writer.add(.xorMappedAddress, allocation.path.client, into: &memory)
        }
    }

    /// The time that an allocation gets (RFC 8656 §7.2).
    ///
    /// - Parameter wanted: LIFETIME, in seconds.
    private func lifetime(_ wanted: UInt32?) -> Duration {
        let least = TURNServerConfiguration.leastLifetime
        return max(least, min(.seconds(Int64(wanted ?? 0)), configuration.mostLifetime))
    }

    /// Takes a Refresh request (RFC 8656 §8.2).
    mutating func refresh(
        _ message: STUNMessage, _ bytes: RawSpan, _ slot: Int, _ proof: Proof, into memory: inout MutableRawSpan,
        now: Instant
    ) -> Outcome {
        var families = slots[slot].families
        if message.has(.requestedAddressFamily, in: bytes) {
            let number = message.word32(.requestedAddressFamily, in: bytes) ?? 0
            guard let family = TURNFamily(rawValue: UInt8(number >> 24)), families.contains(family) else {
                return refuse(message, .peerAddressFamilyMismatch, proof, into: &memory)
            }
            families = [family]
        }
        let wanted = message.word32(.lifetime, in: bytes)
        let granted = wanted == 0 ? .zero : lifetime(wanted)
        for family in families {
            if granted == .zero {
                close(slot, family)
            } else {
                slots[slot][family]?.expires = now + granted
            }
        }
        // It may end sooner than it did before.
        if let end = slots[slot].expires, end < slots[slot].noted {
            slots[slot].noted = ring.insert(
                ExpiryRing.Entry(slot: slot, generation: slots[slot].generation), at: end)
        }
        if slots[slot].families.isEmpty { end(slot) }
        return write(.success, .refresh, message.transaction, proof, into: &memory) {
            (writer, memory) throws(STUNDefect) in
            try writer.add(.lifetime, UInt32(clamping: granted.components.seconds), into: &memory)
        }
    }
}
