import ArgumentParser
import Foundation
import Media
import Reactor
import SIP
import Server
import UserAgent

/// What the commands of a phone have in common.
struct PhoneOptions: ParsableArguments {
    @Flag(help: "Read the password from standard input; else it is in ITO_PASSWORD.") var passwordStdin = false
    @Option(
        help: ArgumentHelp(
            "Where all requests go first, such as sip:127.0.0.1:5060 or 'sip:127.0.0.1:5061;transport=tls'.",
            valueName: "uri"))
    var proxy: String?
    @Option(
        help: ArgumentHelp(
            "The PEM file of the authorities whose certificates are trusted; by default those of the system.",
            valueName: "file"))
    var caFile: String?
    @Option(help: ArgumentHelp("The port to send and receive SIP on; 0 lets the system choose.", valueName: "port"))
    var localPort: UInt16 = 0
    @Option(help: ArgumentHelp("The address to bind; by default one that reaches the proxy.", valueName: "ip"))
    var localAddress: String?

    /// The password, from where it may come.
    func password() throws(ServerError) -> String {
        try Password.read(fromStandardInput: passwordStdin, prompt: nil) ?? ""
    }

    /// Where all requests go first, if that was said.
    func proxyURI() throws(ServerError) -> URI? {
        guard let proxy else { return nil }
        do throws(MessageDefect) {
            let uri = try URI(proxy.hasPrefix("sip:") || proxy.hasPrefix("sips:") ? proxy : "sip:\(proxy)")
            guard uri.index.isSIP else { throw MessageDefect(.uri, "it is no SIP URI") }
            return uri
        } catch {
            throw ServerError(
                .usage, "the proxy `\(proxy)` is no SIP URI: \(error.reason)",
                remedy: "write for example sip:127.0.0.1:5060")
        }
    }

    /// The account of a URI.
    func account(_ uri: String) throws -> Account {
        let text = uri.contains(":") ? uri : "sip:\(uri)"
        let secret = try password()
        let proxy = try proxyURI()
        do throws(MessageDefect) {
            var account = try Account(text, password: secret)
            account.proxy = proxy
            return account
        } catch {
            throw ServerError(
                .usage, "`\(uri)` is no account: \(error)", remedy: "write for example sip:alice@example.com")
        }
    }

    /// Whose certificates are trusted.
    func trust() throws(ServerError) -> TLSConfiguration.Trust {
        guard let caFile else { return .system }
        do throws(TLSConfigurationError) {
            return .authorities(try TLSAuthorities(file: caFile))
        } catch {
            throw ServerError(.usage, "\(error)", remedy: "--ca-file wants a readable file of certificates in PEM form")
        }
    }

    /// The address to bind; nil for one that reaches the proxy.
    func bindAddress() throws(ServerError) -> TransportAddress? {
        guard let localAddress else { return nil }
        guard let address = TransportAddress(host: localAddress, port: localPort) else {
            throw ServerError(.usage, "`\(localAddress)` is no IP address", remedy: "write for example 127.0.0.1")
        }
        return address
    }
}

/// What the commands of a call have in common.
struct CallOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The codecs in order of preference; `ito codecs` lists them.", valueName: "list"))
    var codec = "pcmu,pcma"
    @Option(help: ArgumentHelp("A WAV file, or tone:440, to play.", valueName: "what")) var play: String?
    @Option(help: ArgumentHelp("The WAV file to record what is heard in.", valueName: "file")) var record: String?
    @Option(
        help: ArgumentHelp(
            "The WAV or Ogg Opus file (.wav, .opus) to record the call in: left what is heard, right what is said.",
            valueName: "file"))
    var recordCall: String?
    @Option(
        help: ArgumentHelp(
            "Who is told how the call was heard, when it is over (application/vq-rtcpxr, RFC 6035).", valueName: "uri"))
    var qualityCollector: String?
    @Option(help: ArgumentHelp("How long a call lasts, such as 10s or 500ms.", valueName: "time")) var duration: String?
    @Option(help: ArgumentHelp("Keys to press when the call is up.", valueName: "keys")) var dtmf: String?
    @Option(
        help: ArgumentHelp(
            "How the keys are told: auto (what the other side takes), events (RFC 4733), info (SIP INFO) or tones (in the "
                + "sound).", valueName: "method"))
    var dtmfBy = "auto"
    @Option(
        help: ArgumentHelp(
            "Whether media is encrypted (SRTP): off, offer (when the other side knows how) or require.",
            valueName: "mode"))
    var encrypt = "off"
    @Option(
        help: ArgumentHelp(
            "How the calls of this side come to keys: sdes (in the session description, as secret as signalling) or dtls "
                + "(by a handshake between the phones).", valueName: "exchange"))
    var keyExchange = "sdes"
    @Option(
        help: ArgumentHelp(
            "Whether the phones check by which addresses they reach each other (ICE): off, full, or lite (checks are answered "
                + "only, for hosts that everybody reaches).", valueName: "mode"))
    var ice = "off"
    @Option(
        help: ArgumentHelp(
            "Addresses that the other side is told of with --ice: all of this host, or signalling, that which requests leave by "
                + "alone.", valueName: "all|signalling"))
    var iceAddresses = ICEPolicy.Addresses.all.rawValue
    @Option(
        help: ArgumentHelp(
            "A STUN server that tells this side its address as others see it, such as 192.0.2.1:3478 or stun.example.com; may be "
                + "repeated.", valueName: "host:port"))
    var stunServer: [String] = []
    @Option(
        help: ArgumentHelp(
            "A TURN server that passes media on, such as alice@192.0.2.1:3478, turn:alice@192.0.2.1?transport=tcp or "
                + "turns:alice@turn.example.com; its password is in ITO_TURN_PASSWORD; may be repeated.",
            valueName: "server"))
    var turnServer: [String] = []
    @Flag(help: "Media goes by TURN servers alone, so that the other side learns no address of this host.")
    var relayOnly = false
    @Option(
        help: ArgumentHelp(
            "How much later than it comes everything is played, such as 100ms; by default this follows the jitter, which "
                + "stretches time a little.", valueName: "time"))
    var playout: String?
    @Flag(
        help: ArgumentHelp(
            "Opus in two channels: those of the WAV file of --play are sent where the other side wants two, and --record has two."
        ))
    var stereo = false
    @Flag(help: "Print one JSON object per line.") var json = false

    /// The playout of audio, and its channels.
    func audio() throws(ServerError) -> AudioSettings {
        var settings = AudioSettings()
        if stereo {
            guard try codecs().contains(where: { $0.codec.channels > 1 }) else {
                throw ServerError(
                    .usage, "only Opus has two channels", remedy: "write for example --codec opus-48000,pcmu")
            }
            // A file that cannot be read is complained of when it is to be played.
            settings.sendsStereo = play.map(Self.hasTwoChannels) ?? false
            settings.hearsStereo = record != nil
        }
        guard let playout else { return settings }
        guard let depth = Duration(text: playout), Self.playoutDepths.contains(depth) else {
            throw ServerError(
                .usage, "`\(playout)` is no time from 20ms to 500ms", remedy: "write for example --playout 100ms")
        }
        settings.playoutDepth = depth
        settings.isPlayoutAdaptive = false
        return settings
    }

    private static func hasTwoChannels(_ path: String) -> Bool {
        guard !path.hasPrefix("tone:"), let reader = try? WAVReader(path: path) else { return false }
        return reader.format.channels == 2
    }

    /// As in the server's `media.playout-depth`.
    private static let playoutDepths: ClosedRange<Duration> = .milliseconds(20) ... .milliseconds(500)

    /// How media is encrypted.
    func encryption() throws(ServerError) -> MediaEncryption {
        guard let mode = MediaEncryption.Mode(rawValue: encrypt) else {
            throw ServerError(
                .usage, "`\(encrypt)` is no way to encrypt", remedy: "write --encrypt off, offer or require")
        }
        guard let exchange = MediaEncryption.KeyExchange(rawValue: keyExchange) else {
            throw ServerError(
                .usage, "`\(keyExchange)` is no way to come to keys", remedy: "write --key-exchange sdes or dtls")
        }
        return MediaEncryption(mode, by: exchange)
    }

    /// Who is told how calls were heard.
    func collector() throws(ServerError) -> URI? {
        guard let qualityCollector else { return nil }
        guard let uri = try? URI(qualityCollector), uri.index.isSIP else {
            throw ServerError(
                .usage, "`\(qualityCollector)` is no SIP URI",
                remedy: "write --quality-collector sip:reports@example.com")
        }
        return uri
    }

    /// How keys are told.
    func keyMethod() throws(ServerError) -> KeyMethod {
        guard let method = KeyMethod(rawValue: dtmfBy) else {
            throw ServerError(
                .usage, "`\(dtmfBy)` is no way to tell keys", remedy: "write --dtmf-by auto, events, info or tones")
        }
        return method
    }

    /// Whether connectivity is checked.
    func connectivity() throws(ServerError) -> ICEPolicy {
        guard let mode = ICEPolicy.Mode(rawValue: ice) else {
            throw ServerError(.usage, "`\(ice)` is no part in ICE", remedy: "write --ice off, full or lite")
        }
        guard let addresses = ICEPolicy.Addresses(rawValue: iceAddresses) else {
            throw ServerError(
                .usage, "`\(iceAddresses)` are no addresses", remedy: "write --ice-addresses all or signalling")
        }
        var policy = ICEPolicy(mode)
        policy.addresses = addresses
        policy.usesRelaysOnly = relayOnly
        for text in stunServer { policy.servers.append(try stunServer(text)) }
        for text in turnServer { policy.servers.append(try turnServer(text)) }
        guard mode == .full || policy.servers.isEmpty && !relayOnly else {
            throw ServerError(.usage, "only --ice full asks servers", remedy: "write --ice full")
        }
        return policy
    }

    /// A TURN server as it is named to us: `turn:` and `turns:` are of RFC 7065, the user in front of the address is ours.
    private func turnServer(_ text: String) throws(ServerError) -> ICEPolicy.Server {
        var rest = text[...]
        var transport = ICEPolicy.Server.Transport.udp
        if rest.hasPrefix("turns:") {
            rest = rest.dropFirst(6)
            transport = .tls
        } else if rest.hasPrefix("turn:") {
            rest = rest.dropFirst(5)
        }
        for suffix in ["?transport=udp", "?transport=tcp"] where rest.hasSuffix(suffix) {
            rest = rest.dropLast(suffix.count)
            if suffix.hasSuffix("tcp"), transport == .udp { transport = .tcp }
        }
        guard let end = rest.lastIndex(of: "@") else {
            throw ServerError(
                .usage, "`\(text)` names no user of a TURN server", remedy: "write for example alice@192.0.2.1:3478")
        }
        let password = ProcessInfo.processInfo.environment["ITO_TURN_PASSWORD"] ?? ""
        let user = String(rest[..<end])
        let text = String(rest[rest.index(after: end)...])
        if let address = TransportAddress(text, defaultPort: transport.defaultPort) {
            return .init(turn: address, by: transport, username: user, password: password)
        }
        let (name, port) = try serverName(text)
        return .init(turn: name, port: port, by: transport, username: user, password: password)
    }

    private func stunServer(_ text: String) throws(ServerError) -> ICEPolicy.Server {
        if let address = TransportAddress(text, defaultPort: 3_478) { return .init(stun: address) }
        let (name, port) = try serverName(text)
        return .init(stun: name, port: port)
    }

    /// A name, and a port where one is written.
    private func serverName(_ text: String) throws(ServerError) -> (name: String, port: UInt16?) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let port = parts.count == 2 ? UInt16(parts[1]) : nil
        guard let name = parts.first, !name.isEmpty, parts.count == 1 || port ?? 0 > 0,
            name.utf8.allSatisfy({ $0 == 0x2d || $0 == 0x2e || $0 == 0x5f || isalnum(Int32($0)) != 0 })
        else {
            throw ServerError(
                .usage, "`\(text)` is neither an address nor a name",
                remedy: "write for example 192.0.2.1:3478 or turn.example.com")
        }
        return (String(name), port)
    }

    /// The codecs.
    func codecs() throws(ServerError) -> [AudioCodecName] {
        var names: [AudioCodecName] = []
        for part in codec.split(separator: ",") {
            guard let name = AudioCodecName(rawValue: part.lowercased()) else {
                throw ServerError(
                    .usage, "the codec `\(part)` is not known",
                    remedy: "there are \(AudioCodecName.available.map(\.rawValue).joined(separator: ", "))")
            }
            guard name.isAvailable else {
                throw ServerError(
                    .environment, "the codec `\(part)` is not installed",
                    remedy: "install the library bcg729, for example the package libbcg729-0")
            }
            names.append(name)
        }
        return names
    }

    /// How long the call lasts; nil for as long as the other side wants.
    func length() throws(ServerError) -> Duration? {
        guard let duration else { return nil }
        guard let parsed = Duration(text: duration) else {
            throw ServerError(.usage, "`\(duration)` is no time", remedy: "write for example 10s, 500ms or 2m")
        }
        return parsed
    }

    /// What records the call; nil when nothing shall.
    func callRecorder() throws(ServerError) -> CallRecorder? {
        guard let recordCall else { return nil }
        do throws(RecordingError) {
            return try CallRecorder(path: recordCall)
        } catch {
            throw ServerError(
                error.code == .unsupported ? .usage : .environment, "\(error)",
                remedy: "--record-call wants a file that can be written, such as call.wav or call.opus")
        }
    }

    /// What is played and recorded.
    func ends() throws -> (ends: AudioEnds, recorder: WAVRecorder?) {
        var ends = AudioEnds.silence
        if let play {
            if play.hasPrefix("tone:") {
                guard let frequency = Double(play.dropFirst(5)), frequency > 0, frequency < 4_000 else {
                    throw ServerError(
                        .usage, "`\(play)` is no tone", remedy: "write for example tone:440, below 4000 Hz")
                }
                ends = .tone(.sine(frequency))
            } else {
                do throws(WAVError) {
                    ends = .clip(try AudioClip(wavFile: play, keepsStereo: stereo))
                } catch {
                    throw ServerError(.environment, "\(error)", remedy: "--play wants a readable WAV file, or tone:440")
                }
            }
        }
        guard let record else { return (ends, nil) }
        let rate = try codecs().first?.codec.sampleRate ?? .narrowband
        let channels = stereo ? 2 : 1
        do throws(WAVError) {
            let recorder = try WAVRecorder(path: record, sampleRate: rate, channels: channels)
            return (ends.recording(to: recorder), recorder)
        } catch {
            throw ServerError(.environment, "\(error)", remedy: "--record wants a file that can be written")
        }
    }
}

extension CallRecording {
    /// Ends the recording; says so when it is not whole.
    func complete() async {
        do {
            try await end()
        } catch {
            Terminal.complain("the recording has ended early: \(error)", remedy: "is there room on the disk?")
        }
        if lostFrames > 0 {
            Terminal.complain(
                "\(lostFrames) frames of the recording were lost", remedy: "record to a disk that keeps up")
        }
    }
}

extension Duration {
    /// Reads `10s`, `500ms`, `2m`, `1h`; a bare number is seconds.
    init?(text: String) {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number >= 0, number < 1e9 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s", "": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        case "h": self = .seconds(number * 3_600)
        default: return nil
        }
    }

    /// Whole milliseconds.
    var wholeMilliseconds: Int {
        let parts = components
        return Int(parts.seconds) * 1_000 + Int(parts.attoseconds / 1_000_000_000_000_000)
    }
}
