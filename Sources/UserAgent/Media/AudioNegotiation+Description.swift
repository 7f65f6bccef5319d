import Media
import SDP

extension AudioNegotiation {
    /// What an offer and answer have agreed on; nil when there is no codec in common that this side has.
    ///
    /// - Parameters:
    ///   - codecs: those that this side has, in order of preference.
    ///   - stereo: the ways in which Opus may have two channels.
    init?(_ stream: NegotiatedStream, codecs: [AudioCodecName], stereo: StereoWays = StereoWays()) {
        guard let format = stream.sendFormat ?? stream.receiveFormats.first,
            let mono = AudioCodec(format, among: codecs)
        else { return nil }
        let wishes = OpusParameters(stream.sendFormat?.parameters)
        // What the peer does not prefer it may still be able to play, but pays for in vain (RFC 7587 §6.1).
        let codec = mono.coded(channels: stereo.sends && wishes.prefersStereo ? 2 : 1)
        let direction: Direction =
            switch (stream.direction.sends, stream.direction.receives) {
            case (true, true): .sendReceive
            case (true, false): .sendOnly
            case (false, true): .receiveOnly
            case (false, false): .inactive
            }
        let events = stream.sendEvents(beside: format)
        self.init(
            codec: codec, payloadType: format.payloadType, eventPayloadType: events?.payloadType,
            packetTime: stream.packetTime, direction: direction, isMultiplexed: stream.rtcp == .multiplexed)
        longestPacketTime = min(stream.maximumPacketTime, Self.packetTimes.upperBound)
        allowsReducedSize = stream.allowsReducedSizeRTCP
        accepted = [:]
        for received in stream.receiveFormats {
            guard let codec = AudioCodec(received, among: codecs) else { continue }
            accepted[received.payloadType] = codec.coded(channels: stereo.hears ? 2 : 1)
        }
        eventClockRate = events.map { SampleRate($0.clockRate) }
        acceptedEventPayloadType = nil
        for event in stream.receiveEvents { acceptedEvents[event.payloadType] = SampleRate(event.clockRate) }
        opus = OpusSettings(OpusParameters(format.parameters), rate: codec.sampleRate)
        noisePayloadType = stream.noisePayloadType(in: stream.sendFormats, beside: format)
        acceptedNoisePayloadType = stream.noisePayloadType(in: stream.receiveFormats, beside: format)
        redundantPayloadType = stream.redundantPayloadType(in: stream.sendFormats, beside: format)
        acceptedRedundantPayloadType = stream.redundantPayloadType(in: stream.receiveFormats, beside: format)
    }
}

extension NegotiatedStream {
    /// Comfort noise with the clock of a codec (RFC 3389 §5.1); Opus and G.729 have their own.
    fileprivate func noisePayloadType(in formats: [RTPFormat], beside format: RTPFormat) -> UInt8? {
        guard format.codec != .opus, format.codec != .g729 else { return nil }
        return formats.first { $0.codec.isNamed("CN") && $0.codec.clockRate == format.codec.clockRate }?.payloadType
    }

    /// Redundant data with the clock of a codec, of which all blocks are of this codec; nothing said of the blocks says so too
    /// (RFC 2198 §5).
    fileprivate func redundantPayloadType(in formats: [RTPFormat], beside format: RTPFormat) -> UInt8? {
        let number = ByteString(format.payloadType)
        return formats.first { redundant in
            redundant.codec.isNamed("red") && redundant.codec.clockRate == format.codec.clockRate
                && redundant.parameters?.bytes.split(separator: UInt8(ascii: "/")).allSatisfy { $0 == number.bytes }
                    ?? true
        }?.payloadType
    }
}

extension Codec {
    fileprivate func isNamed(_ other: String) -> Bool { name.lowercased() == other.lowercased() }
}

extension AudioCodec {
    /// The codec that a description names; nil when this side does not have it.
    ///
    /// - Parameter names: those that this side has; the first of an encoding says how it is coded.
    init?(_ format: RTPFormat, among names: [AudioCodecName]) {
        guard let name = names.first(where: { $0.isAvailable && $0.codec.encoding == format.codec }) else { return nil }
        self = name.codec
    }
}

extension OpusSettings {
    /// What a peer asks for (RFC 7587 §7.1).
    ///
    /// - Parameter rate: of our samples, above half of which there is nothing to encode.
    init(_ wishes: OpusParameters, rate: SampleRate) {
        self.init()
        bitrate = wishes.maximumAverageBitrate
        maximumBandwidth = Bandwidth(upTo: min(SampleRate(wishes.maximumPlaybackRate), rate))
        hasConstantBitrate = wishes.prefersConstantBitrate
        hasForwardCorrection = wishes.usesForwardCorrection
        isDiscontinuous = wishes.prefersDiscontinuous
    }
}
