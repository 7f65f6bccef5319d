import SIP
import SIPEndpoint
import TestKit
import Testing

@testable import UserAgent

/// RFC 3903 between a phone and a server of a few lines, in virtual time.
@Suite struct PublicationTests {
    final class Publishing {
        let phones = TwoPhones()
        var table = EventStateTable()
        var told: [EventPublication.Event] = []
        private var tags = 0
        private(set) var publication: EventPublication!  // Set by `publish`, before anything is told.

        init(_ configuration: EventStateTable.Configuration = .init()) {
            table = EventStateTable(configuration)
            phones.bob.agent.servedMethods = [.publish]
            phones.bob.agent.onRequest = { [unowned self] request in answer(request) }
        }

        var states: [String] {
            table.states(of: .init("bob", package: "presence"), at: phones.bob.node.now).map {
                String(decoding: $0.body, as: UTF8.self)
            }
        }

        private func answer(_ request: InboundRequest) {
            tags += 1
            let now = phones.bob.node.now
            let outcome = request.message.withView {
                table.publish($0, to: .init("bob", package: "presence"), entityTag: "tag\(tags)", at: now)
            }
            switch outcome {
            case .accepted(let tag, let expires, _):
                request.respond(
                    200, MessageContent([.init(.sipETag, tag), .init(.expires, "\(expires.components.seconds)")]))
            case .refused(let status, let minimum):
                let fields = minimum.map { [MessageContent.Field(.minExpires, "\($0.components.seconds)")] } ?? []
                request.respond(status, MessageContent(fields))
            }
        }

        func publish(_ text: String, expires: Int = 600) {
            var configuration = PublicationClient.Configuration()
            configuration.expires = .seconds(expires)
            publication = phones.alice.agent.publish(
                "presence", of: phones.bob.uri, as: phones.alice.identity,
                MessageContent(type: "text/plain", text: text),
                configuration)
            publication.onEvent = { [unowned self] in told.append($0) }
        }

        func run(_ time: Duration) { phones.network.run(for: time) }
    }

    @Test("RFC 3903 §4: published, refreshed, modified, removed")
    func life() {
        let publishing = Publishing()
        publishing.publish("open")
        publishing.run(.seconds(1))
        #expect(publishing.states == ["open"])
        publishing.run(.seconds(559))
        #expect(publishing.states == ["open"])
        publishing.publication.modify(MessageContent(type: "text/plain", text: "closed"))
        publishing.run(.seconds(1))
        #expect(publishing.states == ["closed"])
        publishing.publication.remove()
        publishing.run(.seconds(1))
        #expect(publishing.states.isEmpty)
        #expect(publishing.told.last == .removed)
        let requests = publishing.phones.ladder.steps.map(\.message).filter { $0.method == .publish }
        #expect(requests.map { $0[.sipIfMatch] } == [nil, "tag1", "tag2", "tag3"])
        #expect(requests.map { $0[.expires] } == ["600", "600", "600", "0"])
        #expect(requests.map { !$0.body.isEmpty } == [true, false, true, false])
        #expect(requests.allSatisfy { $0[.event] == "presence" })
        #expect(requests.map { $0[.cSeq] } == ["1 PUBLISH", "2 PUBLISH", "3 PUBLISH", "4 PUBLISH"])
        #expect(Set(requests.compactMap { $0[.callID] }).count == 1)
    }

    @Test("RFC 3903 §5: a server that has lost the state gets it anew")
    func lost() {
        let publishing = Publishing()
        publishing.publish("open")
        publishing.run(.seconds(1))
        publishing.table = EventStateTable()
        publishing.run(.seconds(560))
        #expect(publishing.phones.ladder.all("bob > alice 412 PUBLISH").count == 1)
        #expect(publishing.states == ["open"])
    }

    @Test("RFC 3903 §5: 423 leads to a longer publication")
    func tooBrief() {
        var configuration = EventStateTable.Configuration()
        configuration.leastExpires = .seconds(900)
        let publishing = Publishing(configuration)
        publishing.publish("open")
        publishing.run(.seconds(1))
        #expect(publishing.told == [.published(expires: .seconds(900))])
        #expect(publishing.states == ["open"])
    }

    @Test("A server that is gone for a while gets the newest state when it is back")
    func outage() {
        let publishing = Publishing()
        publishing.publish("open")
        publishing.run(.seconds(1))
        publishing.phones.network.loses = { $0.startLine.hasPrefix("PUBLISH") }
        publishing.publication.modify(MessageContent(type: "text/plain", text: "closed"))
        publishing.run(.seconds(40))
        #expect(publishing.told.last == .failed(.unreachable, retryAfter: .seconds(30)))
        publishing.publication.modify(MessageContent(type: "text/plain", text: "away"))
        publishing.phones.network.loses = { _ in false }
        publishing.run(.seconds(40))
        #expect(publishing.states == ["away"])
    }

    @Test("RFC 3903 §6: who serves no PUBLISH refuses it")
    func notServed() {
        let publishing = Publishing()
        publishing.phones.bob.agent.servedMethods = []
        publishing.publish("open")
        publishing.run(.seconds(1))
        #expect(publishing.told == [.failed(.rejected(405), retryAfter: nil)])
    }
}
