import SIP

/// What tells the flows of a user agent apart: its instance and the number of the flow (RFC 5626 §4.1, §4.2).
///
/// It borrows from the parameters of a Contact.
struct FlowIdentity {
    /// The value of `+sip.instance` with its quotes; empty when there is none.
    var instance: UnsafeRawBufferPointer
    /// The value of `reg-id`; 0 when there is none.
    var registrationID: UInt32

    static var none: FlowIdentity {
        FlowIdentity(instance: UnsafeRawBufferPointer(start: nil, count: 0), registrationID: 0)
    }

    /// Finds both among the parameters of a Contact, from the first ";" on.
    init(parameters: UnsafeRawBufferPointer) {
        self = .none
        var rest = ParameterRuns(parameters)
        while let run = rest.next() { take(run) }
    }

    init(instance: UnsafeRawBufferPointer, registrationID: UInt32) {
        self.instance = instance
        self.registrationID = registrationID
    }

    /// Looks at one parameter. A number that is none is none.
    mutating func take(_ run: ParameterRuns.Run) {
        if instance.isEmpty, run.hasName("+sip.instance") {
            instance = run.value
        } else if registrationID == 0, run.hasName("reg-id") {
            registrationID = Self.number(run.value) ?? 0
        }
    }

    /// A `reg-id`: 1 to 2**31 - 1 (RFC 5626 §14).
    private static func number(_ text: UnsafeRawBufferPointer) -> UInt32? {
        guard (1...10).contains(text.count) else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard byte &- UInt8(ascii: "0") < 10 else { return nil }
            value = value * 10 + UInt64(byte &- UInt8(ascii: "0"))
        }
        return (1...UInt64(Int32.max)).contains(value) ? UInt32(value) : nil
    }

    /// Whether both are there, which alone makes a flow (RFC 5626 §6).
    var isFlow: Bool { registrationID != 0 && !instance.isEmpty }

    /// Whether both are of one instance. Instances are URNs, most of them UUIDs, of which case is put aside.
    func isSameInstance(as other: FlowIdentity) -> Bool {
        !instance.isEmpty && equalIgnoringCase(instance, other.instance)
    }

    /// Whether both are one flow of one instance.
    func isSameFlow(as other: FlowIdentity) -> Bool {
        registrationID == other.registrationID && isSameInstance(as: other)
    }
}

extension FlowIdentity {
    /// Calls `body` with what names a binding in the journal: its contact, or for a flow its instance and number, since the
    /// flows of one instance may have one contact (RFC 5626 §6).
    static func withKey<Result>(
        contact: UnsafeRawBufferPointer, parameters: UnsafeRawBufferPointer, isFlow: Bool,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        guard isFlow else { return body(contact) }
        let identity = FlowIdentity(parameters: parameters)
        return withUnsafeTemporaryAllocation(byteCount: identity.instance.count + 24, alignment: 1) { memory in
            var writer = ByteWriter(into: memory)
            // No URI begins with a quote, so that no contact is mistaken for a flow.
            for byte in identity.instance { writer.append(lowercased(byte)) }
            writer.append(";reg-id=")
            writer.append(decimal: UInt64(identity.registrationID))
            return body(writer.bytes)
        }
    }
}
