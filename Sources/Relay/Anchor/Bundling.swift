import SDP

extension SessionDescription {
    /// The groups of streams that share a transport, by the places of their media descriptions, the tagged one first (RFC 9143 §7). Tags
    /// that no description has are left out.
    var bundles: [[Int]] {
        attributes(named: "group").compactMap { $0.value.flatMap(MediaGroup.init) }.filter(\.isBundle).map { group in
            group.members.compactMap { member in media.firstIndex { $0.identification == member } }
        }
    }

    /// Takes away that streams share transports: each has its own.
    mutating func unbundle() {
        attributes = attributes.filter { attribute in
            guard attribute.name == "group", let group = attribute.value.flatMap(MediaGroup.init) else { return true }
            return !group.isBundle
        }
        for index in media.indices { media[index].removeAttributes(named: "bundle-only") }
    }

    /// Says that some streams are a group, for an end that wants all in one (RFC 9143 §7.2, §7.3). With one stream nothing changes by it.
    ///
    /// - Parameter names: their identification tags, the tagged one's first.
    mutating func bundle(_ indices: [Int], as names: [ByteString]) {
        for (index, name) in zip(indices, names) where media[index].identification != name {
            media[index].removeAttributes(named: "mid")
            if let tag = Attribute("mid", name) { media[index].append(tag) }
        }
        let group = (["BUNDLE"] + names.map(\.description)).joined(separator: " ")
        if let value = ByteString(group), let attribute = Attribute("group", value) { append(attribute) }
    }
}

/// Which streams of an offer share transports, and which may (RFC 9143).
struct OfferedBundles: Sendable {
    /// The groups as the offer has them; empty where they end at the relay.
    var passed: [[Int]] = []
    /// The first streams of the groups that have a transport: where a group does not go on they are groups of one.
    var tagged: [Int] = []
    /// The streams that go over the transport of another, as was agreed before.
    var riders: [Int: Int] = [:]
    /// The streams that go by the transport of another on the side of the end that bundles, while the other end has one for each.
    var split: [Int: Int] = [:]

    init() {}

    /// The streams that the relay parts: those of a group with one that has no port of its own, and those that were parted before.
    ///
    /// - Parameter agreed: those that were parted until now.
    mutating func part(_ description: SessionDescription, _ lines: inout [MediaLine], agreed: [Int: Int]) {
        guard passed.isEmpty else { return }
        for group in description.bundles {
            guard let first = group.first(where: { tagged.contains($0) }) else { continue }
            let hasBundleOnly = group.contains { lines[$0].isBundleOnly }
            for index in group where index != first && (hasBundleOnly || agreed[index] == first) {
                lines[index] = lines[index].carried(description.media[index].field.transport)
                if lines[index].use == .relayed(.rtp) { split[index] = first }
            }
        }
    }

    /// - Parameters:
    ///   - isPassed: whether a stream's transport is one of ICE on both legs, so that it can carry others.
    ///   - agreed: the streams that went over the transport of another until now.
    init(
        _ description: SessionDescription, _ lines: [MediaLine], agreed: [Int: Int], isPassed: (Int) -> Bool
    ) {
        let groups = description.bundles
        tagged = groups.compactMap { group in group.first { lines[$0].isRelayed && lines[$0].ice != nil } }
        let canPass = groups.allSatisfy { group in
            group.contains { lines[$0].isRelayed } && group.allSatisfy { lines[$0].isBundleOnly || isPassed($0) }
        }
        guard canPass else { return }
        passed = groups
        for (rider, tagged) in agreed {
            guard groups.contains(where: { $0.contains(rider) && $0.contains(tagged) }), lines[rider].isRelayed else {
                continue
            }
            riders[rider] = tagged
        }
    }

    /// What an answer agrees on: the streams that go over the transport of another.
    ///
    /// - Parameter hasPorts: whether a stream has a transport to be the tagged one with.
    func riders(_ answer: SessionDescription, _ lines: [MediaLine], hasPorts: (Int) -> Bool) -> [Int: Int] {
        guard !passed.isEmpty else { return [:] }
        var result: [Int: Int] = [:]
        for group in answer.bundles {
            let members = group.filter { lines[$0].isRelayed }
            guard let tagged = members.first(where: { hasPorts($0) && riders[$0] == nil }) else { continue }
            for rider in members where rider != tagged { result[rider] = tagged }
        }
        return result
    }
}

extension MediaLine {
    /// Whether the relay carries the stream.
    var isRelayed: Bool {
        if case .relayed = use { return true }
        return false
    }
}
