import Reactor
import SIP
import Testing

@testable import SIPEndpoint

@Suite struct ServerTransactionIndexTests {
    private func transaction(_ number: UInt64, key: UInt64) -> ServerTransaction {
        let address = TransportAddress(ipv4: 0xC000_0201, port: 5_060)
        let flow = Flow(transport: .udp, listener: 0, local: address, remote: address)
        return ServerTransaction(
            machine: .nonInvite(NonInviteServerTransaction(isReliable: false)), token: number, key: key, identity: [],
            request: .none, flow: flow, responseFlow: flow, toTag: 0)
    }

    @Test func findsAmongThoseOfOneHash() {
        var index = ServerTransactionIndex()
        // 7 and 263 begin at one place of 256, 8 is pushed on by them.
        let all = [7, 263, 7, 8].enumerated().map { transaction(UInt64($0.offset), key: $0.element) }
        for one in all { index.insert(one) }
        #expect(index.find(7, where: { $0.token == 2 }) === all[2])
        #expect(index.find(263, where: { _ in true }) === all[1])
        #expect(index.find(8, where: { _ in true }) === all[3])
        #expect(index.find(9, where: { _ in true }) == nil)
        index.remove(all[0])
        index.remove(all[0])
        #expect(index.count == 3)
        #expect(index.find(7, where: { _ in true }) === all[2])
        #expect(index.find(8, where: { _ in true }) === all[3])
    }

    @Test func keepsAllThroughGrowthAndRemoval() {
        var index = ServerTransactionIndex()
        var state: UInt64 = 1
        // Few keys for many transactions, so that runs are long and hashes are shared.
        let all = (0..<3_000).map { number in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return transaction(UInt64(number), key: state >> 54)
        }
        for one in all { index.insert(one) }
        var present = Set(all.map(\.token))
        for one in all where (one.token &* 2_654_435_761) >> 7 & 3 != 0 {
            index.remove(one)
            present.remove(one.token)
        }
        #expect(index.count == present.count)
        for one in all {
            let found = index.find(one.key) { $0 === one }
            #expect((found === one) == present.contains(one.token))
        }
    }
}
