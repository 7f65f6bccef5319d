/// Which account a baresip has and what it plays.
public struct BaresipOptions: Sendable {
    public enum Transport: String, Sendable { case udp, tcp, tls }

    /// When it takes a call.
    public enum AnswerMode: String, Sendable { case auto, manual }

    public var user: String
    /// The domain of its address of record; `nil` is its own address and port, for calls without a server.
    public var domain: String?
    /// The name for Digest, when it is another than the user.
    public var authenticationUser: String?
    /// The password for Digest. baresip 1.0 knows MD5 only, and gives up when a challenge of several is another.
    public var password: String?
    /// `host:port` of the server that gets all its requests; `nil` resolves the domain.
    public var proxy: String?
    /// For how long it registers; zero does not register.
    public var registration = Duration.seconds(300)
    public var transport = Transport.udp
    public var answerMode = AnswerMode.auto
    /// Codecs in the order of preference, with sample rate and channels (`G722/16000/1`), or without where these are 8000 and 1.
    public var codecs = ["PCMU"]
    /// The modules that hold them: `g711` gives `PCMU` and `PCMA`; there are `g722`, `g726`, `l16` and `opus`.
    public var codecModules = ["g711"]
    /// Further modules: `srtp` and `dtls_srtp` encrypt media, as the account's `mediaenc` says.
    public var modules: [String] = []
    /// The WAV file (16 bit, mono, 8 kHz) that it speaks in each call; `nil` is a tone. At the end of the file it sends silence for
    /// what its buffer holds (about half a second), then hangs up: that is baresip's way.
    public var speech: String?
    /// The rate and the channels of that file, where they are others.
    public var speechRate = 8000
    public var speechChannels = 1
    /// The PEM file of the authorities that it believes over TLS; it asks for a certificate that holds only when it has one.
    public var authorities: String?
    /// Its address, without brackets.
    public var address = "127.0.0.1"
    /// `host:port` of the STUN server that it asks for its addresses before it offers or answers with ICE; `nil` has no part in ICE.
    /// It tells no address of loopback.
    public var connectivityServer: String?
    /// Further parameters of the account's line, each as `name=value`.
    public var parameters: [String] = []

    public init(user: String) { self.user = user }

    /// The configuration file.
    ///
    /// There is no player: the received sound goes through the filter `sndfile`, which writes it down as it was decoded. The
    /// buffer of received packets is short and fixed, so that nothing is invented or left out on a clean link.
    func configuration(port: UInt16, controlPort: UInt16, folder: String) -> String {
        let host = KamailioPeer.bracketed(address)
        let source = speech.map { "aufile,\($0)" } ?? "ausine,440"
        // Its tone generator knows this format only; what it makes is then resampled.
        let (rate, channels) = speech == nil ? (48_000, 2) : (speechRate, speechChannels)
        let loaded = codecModules + modules + (connectivityServer == nil ? [] : ["ice"])
        return """
            poll_method epoll
            sip_listen \(host):\(port)
            net_interface \(address)
            call_local_timeout 120
            call_max_calls 8
            audio_source \(source)
            ausrc_srate \(rate)
            ausrc_channels \(channels)
            audio_level no
            jitter_buffer_delay 1-10
            rtp_ports 32768-60998
            module_path /usr/lib/baresip/modules
            \(loaded.map { "module \($0).so" }.joined(separator: "\n"))
            module \(speech == nil ? "ausine.so" : "aufile.so")
            module sndfile.so
            module ctrl_tcp.so
            module_tmp account.so
            module_app menu.so
            statmode_default off
            ctrl_tcp_listen \(host):\(controlPort)
            snd_path \(folder)
            \(authorities.map { "sip_cafile \($0)" } ?? "")

            """
    }

    /// The line that makes the account.
    func account(port: UInt16) -> String {
        let host = domain ?? "\(KamailioPeer.bracketed(address)):\(port)"
        var line = "<sip:\(user)@\(host);transport=\(transport.rawValue)>"
        line += ";regint=\(registration.components.seconds);answermode=\(answerMode.rawValue)"
        line += ";audio_codecs=" + codecs.map { $0.contains("/") ? $0 : "\($0)/8000/1" }.joined(separator: ",")
        if let password { line += ";auth_pass=\"\(password)\"" }
        if let authenticationUser { line += ";auth_user=\(authenticationUser)" }
        if let proxy { line += ";outbound=\"sip:\(proxy);transport=\(transport.rawValue)\"" }
        if let connectivityServer { line += ";medianat=ice;stunserver=stun:\(connectivityServer)" }
        return ([line] + parameters).joined(separator: ";")
    }
}
