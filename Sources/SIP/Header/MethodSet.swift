/// A set of methods, a bit each: what Allow says (RFC 3261 §20.5).
public struct MethodSet: OptionSet, Hashable, Sendable {
    public var rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The set of one method.
    @inlinable
    public init(_ method: Method) { rawValue = 1 &<< UInt32(method.rawValue) }

    public static var invite: MethodSet { MethodSet(.invite) }
    public static var ack: MethodSet { MethodSet(.ack) }
    public static var bye: MethodSet { MethodSet(.bye) }
    public static var cancel: MethodSet { MethodSet(.cancel) }
    public static var options: MethodSet { MethodSet(.options) }
    public static var register: MethodSet { MethodSet(.register) }
    public static var info: MethodSet { MethodSet(.info) }
    public static var prack: MethodSet { MethodSet(.prack) }
    public static var subscribe: MethodSet { MethodSet(.subscribe) }
    public static var notify: MethodSet { MethodSet(.notify) }
    public static var update: MethodSet { MethodSet(.update) }
    public static var message: MethodSet { MethodSet(.message) }
    public static var refer: MethodSet { MethodSet(.refer) }
    public static var publish: MethodSet { MethodSet(.publish) }
    /// One or more methods that are not known here.
    public static var unknown: MethodSet { MethodSet(.unknown) }

    /// Whether the method is in the set.
    @inlinable
    public func contains(_ method: Method) -> Bool { rawValue &>> UInt32(method.rawValue) & 1 == 1 }
}

extension MethodSet: CustomStringConvertible {
    /// The value of Allow, in the order of `Method.all`; unknown methods are left out.
    public var description: String {
        Method.all.filter { contains($0) }.map { String(describing: $0.text) }.joined(separator: ", ")
    }
}

extension ByteWriter {
    /// Appends the value of Allow.
    public mutating func append(_ methods: MethodSet) {
        var isFirst = true
        for raw in 1...UInt8(Method.all.count) where methods.contains(Method(rawValue: raw)) {
            if !isFirst { append(", ") }
            append(Method(rawValue: raw).text)
            isFirst = false
        }
    }
}

extension MessageView {
    /// The methods in Allow; nil when there is no such field, which says nothing about what is supported
    /// (RFC 3261 §20.5).
    public var allow: MethodSet? {
        guard firstIndex(of: .allow) != nil else { return nil }
        var methods: MethodSet = []
        for value in values(of: .allow) { methods.insert(MethodSet(Method(base, value))) }
        return methods
    }
}
