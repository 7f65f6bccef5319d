import Glibc

/// An open descriptor with one owner, closed when the owner lets go of it.
struct Descriptor: ~Copyable, Sendable {
    let number: Int32

    /// Takes over the result of a system call that opens something; throws its error when there is none.
    init(opened number: Int32, by operation: @autoclosure () -> String, _ address: TransportAddress? = nil)
        throws(SocketError)
    {
        guard number >= 0 else { throw SocketError.last(operation(), address) }
        self.number = number
    }

    deinit { Glibc.close(number) }

    /// Gives the descriptor away without closing it.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
