import Reactor

/// An address that is written out in a test.
func address(_ text: String) -> TransportAddress {
    guard let address = TransportAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}
