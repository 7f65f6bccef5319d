import Reactor
import SIP
import SIPEndpoint
import Testing

@testable import Registrar

@Suite struct FlowCodeTests {
    static let ipv4 = TransportAddress(ipv4: 0xC000_0201, port: 40_000)
    static let ipv6 = TransportAddress(ipv6: 0x2001_0DB8_0000_0001, 0xFFEE_DDCC_BBAA_9988, scope: 3, port: 5_061)

    static let flows: [Flow] = [
        Flow(transport: .udp, listener: 0, local: ipv4.with(port: 5_060), remote: ipv4),
        Flow(transport: .udp, listener: 65_535, local: ipv6, remote: ipv6.with(port: 1)),
        Flow(transport: .tcp, listener: 2, connection: 0x0123_4567_89AB_CDEF, local: ipv4, remote: ipv4),
        Flow(transport: .wss, listener: 3, connection: 1, local: ipv6, remote: ipv6),
    ]

    @Test(arguments: zip(flows, [15, 47, 23, 55]))
    func goesThereAndBack(_ flow: Flow, _ size: Int) {
        withUnsafeTemporaryAllocation(byteCount: FlowCode.longest, alignment: 8) { memory in
            let count = FlowCode.write(flow, into: memory)
            #expect(count == size)
            #expect(FlowCode.read(UnsafeRawBufferPointer(rebasing: memory[0..<count])) == flow)
            #expect(FlowCode.isDatagram(UnsafeRawBufferPointer(memory)) == (flow.transport == .udp))
            for cut in 0..<count {
                #expect(FlowCode.read(UnsafeRawBufferPointer(rebasing: memory[0..<cut])) == nil)
            }
        }
    }

    @Test(arguments: flows, [true, false])
    func journalKeepsDatagramFlowsAlone(_ flow: Flow, _ isBehindNAT: Bool) {
        let bytes = JournalFlow(flow: flow, isBehindNAT: isBehindNAT).bytes
        let read = bytes.withUnsafeBytes { JournalFlow($0) }
        #expect(read.isBehindNAT == isBehindNAT)
        #expect(read.flow == (flow.transport == .udp ? flow : nil))
    }

    @Test(arguments: [[], [1], [2, 0, 0], [1, 1], [1, 1, 0xFF], [1, 0, 0x08, 0, 0]] as [[UInt8]])
    func strangeBytesAreNoFlow(_ bytes: [UInt8]) {
        let read = bytes.withUnsafeBytes { JournalFlow($0) }
        #expect(read.flow == nil)
        #expect(JournalFlow(flow: nil, isBehindNAT: true).bytes.withUnsafeBytes { JournalFlow($0) }.isBehindNAT)
    }

    @Test func flowsFindTheirListenerAgain() throws {
        let flow = Flow(transport: .udp, listener: 0, local: Self.ipv4.with(port: 5_060), remote: Self.ipv4)
        let own = Listener(.udp, Self.ipv4.with(port: 5_060))
        let all = Listener(.udp, .wildcard(port: 5_060))
        let strangers = [
            Listener(.tcp, Self.ipv4.with(port: 5_060)), Listener(.udp, Self.ipv4.with(port: 5_070)),
            Listener(.udp, .wildcard(.ipv6, port: 5_060)), Listener(.udp, TransportAddress(ipv4: 1, port: 5_060)),
        ]
        #expect(flow.restored(to: [own])?.listener == 0)
        #expect(flow.restored(to: strangers + [own])?.listener == 4)
        #expect(flow.restored(to: strangers + [all])?.listener == 4)
        #expect(flow.restored(to: strangers) == nil)
        #expect(flow.restored(to: []) == nil)
        var stream = flow
        stream.transport = .tcp
        #expect(stream.restored(to: strangers) == nil)
    }
}
