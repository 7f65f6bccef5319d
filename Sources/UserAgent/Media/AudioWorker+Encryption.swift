import Media
import RTP
import Reactor
import SDP
import SRTP

// How the audio is encrypted.
extension AudioWorker {
    /// Goes on with what was agreed on keys.
    func secure(
        _ stream: AudioStream<TransportAddress>, _ keys: MediaKeys, _ remote: TransportAddress?,
        _ control: TransportAddress?
    ) {
        switch keys {
        case .none:
            (handshake, deferred) = (nil, nil)
            stream.security = .none
        case .described(let keys):
            (handshake, deferred) = (nil, nil)
            var earlier: StreamProtection?
            if case .secured(let media, _) = stream.security { earlier = media }
            do throws(SRTPError) {
                let protection = try StreamProtection(
                    keys.profile, local: keys.local, remote: keys.remote, after: earlier, at: lane.now)
                stream.security = .secured(media: protection, control: protection)
            } catch {
                fail(.keys(error))
            }
        case .association(let terms):
            let (media, reports) = checks == nil ? (remote, control) : (destination(0), destination(1))
            if let handshake, handshake.terms == terms { return handshake.move(to: media, reports) }
            if case .none = stream.security { stream.security = .pending }
            // A server is answered where it speaks from; a client has nobody to speak to yet.
            guard terms.role == .server || checks == nil || media != nil else {
                handshake = nil
                deferred = terms
                return
            }
            begin(terms, stream, media, reports)
        }
    }

    func begin(
        _ terms: AssociationTerms, _ stream: AudioStream<TransportAddress>, _ remote: TransportAddress?,
        _ control: TransportAddress?
    ) {
        deferred = nil
        guard let context else { return fail(.handshake(.cryptography)) }
        do throws(DTLSError) {
            let made = try MediaHandshake(
                terms, context, isMultiplexed: stream.negotiation.isMultiplexed, remote, control, at: lane.now)
            handshake = made
            advance(made)
        } catch {
            fail(.handshake(error))
        }
    }

    /// Sends what a handshake has to say, and takes its keys when it is done.
    func advance(_ handshake: MediaHandshake) {
        send(handshake)
        guard let stream, handshake.isUnderWay else { return }
        switch handshake.outcome(at: lane.now) {
        case nil: return
        case .failure(let error): fail(.handshake(error))
        case .success(let keys): take(keys, stream)
        }
    }

    private func take(_ keys: MediaHandshake.Keys, _ stream: AudioStream<TransportAddress>) {
        var earlier: (media: StreamProtection?, control: StreamProtection?)
        if case .secured(let media, let control) = stream.security { earlier = (media, control) }
        do throws(SRTPError) {
            let media = try StreamProtection(
                keys.media.profile, local: keys.media.local, remote: [keys.media.remote], after: earlier.media,
                at: lane.now)
            let control = try keys.control.map { (keys) throws(SRTPError) in
                try StreamProtection(
                    keys.profile, local: keys.local, remote: [keys.remote], after: earlier.control, at: lane.now)
            }
            stream.security = .secured(media: media, control: control ?? media)
        } catch {
            fail(.keys(error))
        }
    }

    func send(_ handshake: MediaHandshake) {
        while let (datagram, destination, isControl) = handshake.next() {
            send(datagram, on: isControl ? 1 : 0, to: destination)
        }
    }

    /// Nothing goes in the clear that was to be encrypted: the stream rests until the call ends.
    func fail(_ error: MediaSecurityError) {
        stream?.security = .pending
        handshake = nil
        onFailure(.security(error))
    }
}
