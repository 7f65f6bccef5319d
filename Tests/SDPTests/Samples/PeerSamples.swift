import Testing

/// Descriptions in the manner of programs and phones that are met in the field, one line per line.
struct PeerSample: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    /// Payload type, codec of the line that an endpoint with G.711, G.722 and events accepts; none if it refuses all.
    let accepted: (index: Int, formats: [String])?

    var testDescription: String { name }

    static let all: [PeerSample] = [
        baresip, sipp, cisco, yealink, grandstream, linphone, asterisk, polycom, snomSecure, bestEffortSecure,
        videophone,
        chromium, faxOnly, sparse,
    ]

    static let baresip = PeerSample(
        name: "baresip",
        text: """
            v=0
            o=- 3913402155 2047823119 IN IP4 192.0.2.20
            s=-
            c=IN IP4 192.0.2.20
            t=0 0
            a=tool:baresip 3.1.0
            m=audio 19518 RTP/AVP 96 0 8 101
            b=AS:125
            a=rtpmap:96 opus/48000/2
            a=fmtp:96 stereo=1;sprop-stereo=1
            a=rtpmap:0 PCMU/8000
            a=rtpmap:8 PCMA/8000
            a=rtpmap:101 telephone-event/8000
            a=fmtp:101 0-15
            a=rtcp:19519
            a=sendrecv
            a=label:1
            a=rtcp-rsize
            a=ssrc:3912212345 cname:sip:alice@example.com
            a=ptime:20
            """,
        accepted: (0, ["0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"]))

    static let sipp = PeerSample(
        name: "SIPp default scenario",
        text: """
            v=0
            o=user1 53655765 2353687637 IN IP4 127.0.0.1
            s=-
            c=IN IP4 127.0.0.1
            t=0 0
            m=audio 6000 RTP/AVP 0
            a=rtpmap:0 PCMU/8000
            """,
        accepted: (0, ["0 PCMU/8000"]))

    static let cisco = PeerSample(
        name: "desk phone without rtpmap for static types, direction first",
        text: """
            v=0
            o=Cisco-SIPUA 13045 0 IN IP4 192.0.2.33
            s=SIP Call
            t=0 0
            m=audio 27342 RTP/AVP 0 8 18 101
            c=IN IP4 192.0.2.33
            a=sendrecv
            a=rtpmap:18 G729/8000
            a=fmtp:18 annexb=no
            a=rtpmap:101 telephone-event/8000
            a=fmtp:101 0-16
            """,
        accepted: (0, ["0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"]))

    static let yealink = PeerSample(
        name: "desk phone with G.722 first and extra spaces",
        text: """
            v=0
            o=- 20108 20108 IN IP4 192.0.2.40
            s=SDP data
            c=IN IP4 192.0.2.40
            t=0 0
            m=audio 11780 RTP/AVP 9 0 8 18 101
            a=rtpmap:9 G722/8000
            a=rtpmap:0 PCMU/8000
            a=rtpmap:8 PCMA/8000
            a=rtpmap:18 G729/8000
            a=fmtp:18 annexb=no
            a=fmtp:101 0-15
            a=rtpmap:101  telephone-event/8000
            a=ptime:20
            a=sendrecv
            """,
        accepted: (0, ["9 G722/8000", "0 PCMU/8000", "8 PCMA/8000", "101 telephone-event/8000"]))

    static let grandstream = PeerSample(
        name: "gateway with G.722 at 16 kHz, channels spelt out, trailing space",
        text: """
            v=0
            o=201 8000 8000 IN IP4 192.0.2.50
            s=SIP Call
            c=IN IP4 192.0.2.50
            t=0 0
            m=audio 5004 RTP/AVP 0 8 4 9 101\u{20}
            a=sendrecv
            a=rtpmap:0 PCMU/8000/1
            a=ptime:20
            a=rtpmap:8 PCMA/8000/1
            a=rtpmap:4 G723/8000
            a=rtpmap:9 G722/16000
            a=rtpmap:101 telephone-event/8000
            a=fmtp:101 0-15,16
            """,
        accepted: (0, ["0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "101 telephone-event/8000"]))

    static let linphone = PeerSample(
        name: "softphone with AVPF, two event clocks and vendor lines",
        text: """
            v=0
            o=alice 2534 3214 IN IP6 2001:db8::57
            s=Talk
            c=IN IP6 2001:db8::57
            t=0 0
            a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
            a=record:off
            m=audio 7078 RTP/AVPF 96 97 98 0 8 101 99 100
            a=rtpmap:96 opus/48000/2
            a=fmtp:96 useinbandfec=1
            a=rtpmap:97 speex/16000
            a=fmtp:97 vbr=on
            a=rtpmap:98 speex/8000
            a=fmtp:98 vbr=on
            a=rtpmap:101 telephone-event/48000
            a=rtpmap:99 telephone-event/16000
            a=rtpmap:100 telephone-event/8000
            a=rtcp-fb:* trr-int 1000
            a=rtcp-fb:* ccm tmmbr
            """,
        accepted: (0, ["0 PCMU/8000", "8 PCMA/8000", "100 telephone-event/8000"]))

    static let asterisk = PeerSample(
        name: "PBX with maxptime, events on a number of its own",
        text: """
            v=0
            o=root 1821231412 1821231412 IN IP4 192.0.2.5
            s=Asterisk PBX 20.5.0
            c=IN IP4 192.0.2.5
            t=0 0
            m=audio 18230 RTP/AVP 8 0 96
            a=rtpmap:8 PCMA/8000
            a=rtpmap:0 PCMU/8000
            a=rtpmap:96 telephone-event/8000
            a=fmtp:96 0-16
            a=ptime:20
            a=maxptime:150
            a=sendrecv
            """,
        accepted: (0, ["8 PCMA/8000", "0 PCMU/8000", "96 telephone-event/8000"]))

    static let polycom = PeerSample(
        name: "conference phone, session-level direction, bandwidth, events first",
        text: """
            v=0
            o=- 1697461234 1697461234 IN IP4 192.0.2.60
            s=Polycom IP Phone
            c=IN IP4 192.0.2.60
            b=AS:256
            t=0 0
            a=sendrecv
            m=audio 2244 RTP/AVP 127 9 0
            a=rtpmap:9 G722/8000
            a=rtpmap:127 TELEPHONE-EVENT/8000
            """,
        accepted: (0, ["9 G722/8000", "0 PCMU/8000", "127 telephone-event/8000"]))

    static let snomSecure = PeerSample(
        name: "phone that insists on SDES",
        text: """
            v=0
            o=root 1234567 1234567 IN IP4 192.0.2.70
            s=call
            c=IN IP4 192.0.2.70
            t=0 0
            m=audio 61230 RTP/SAVP 9 0 8 101
            a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
            a=rtpmap:9 G722/8000
            a=rtpmap:0 PCMU/8000
            a=rtpmap:8 PCMA/8000
            a=rtpmap:101 telephone-event/8000
            a=fmtp:101 0-16
            a=ptime:20
            a=encryption:optional
            a=sendrecv
            """,
        accepted: nil)

    static let bestEffortSecure = PeerSample(
        name: "phone that offers the same audio secured and plain",
        text: """
            v=0
            o=- 77 1 IN IP4 192.0.2.71
            s=-
            c=IN IP4 192.0.2.71
            t=0 0
            m=audio 16400 RTP/SAVP 0 101
            a=rtpmap:101 telephone-event/8000
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj
            m=audio 16402 RTP/AVP 0 101
            a=rtpmap:101 telephone-event/8000
            """,
        accepted: (1, ["0 PCMU/8000", "101 telephone-event/8000"]))

    static let videophone = PeerSample(
        name: "video phone with a presentation and a far-camera channel",
        text: """
            v=0
            o=tandberg 8 4 IN IP4 192.0.2.80
            s=-
            c=IN IP4 192.0.2.80
            b=AS:1920
            t=0 0
            m=audio 2328 RTP/AVP 107 0 8
            b=TIAS:64000
            a=rtpmap:107 MP4A-LATM/90000
            a=fmtp:107 profile-level-id=25;object=23;bitrate=128000
            a=rtpmap:0 PCMU/8000
            a=rtpmap:8 PCMA/8000
            a=sendrecv
            m=video 2330 RTP/AVP 97
            b=TIAS:1920000
            a=rtpmap:97 H264/90000
            a=fmtp:97 profile-level-id=42e01f
            a=content:main
            a=label:11
            m=application 5070 UDP/BFCP *
            a=floorctrl:c-s
            a=confid:1
            m=application 2334 RTP/AVP 100
            a=rtpmap:100 H224/4800
            """,
        accepted: (0, ["0 PCMU/8000", "8 PCMA/8000"]))

    static let chromium = PeerSample(
        name: "Chromium",
        text: """
            v=0
            o=- 4611731400430051336 2 IN IP4 127.0.0.1
            s=-
            t=0 0
            a=group:BUNDLE 0 1
            a=extmap-allow-mixed
            a=msid-semantic: WMS 3f5b2a0e-8f5e-4a2c-9a0e-a1b2c3d4e5f6
            m=audio 54609 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
            c=IN IP4 192.0.2.90
            a=rtcp:9 IN IP4 0.0.0.0
            a=candidate:1467250027 1 udp 2122260223 192.0.2.90 54609 typ host generation 0 network-id 1
            a=candidate:435653019 1 tcp 1518280447 192.0.2.90 9 typ host tcptype active generation 0 network-id 1
            a=ice-ufrag:UIZ3
            a=ice-pwd:hZtz3Xv6m9QxqgmvTYpTkW2G
            a=ice-options:trickle
            a=fingerprint:sha-256 12:DF:3E:5A:8C:77:01:FE:AA:39:B2:C1:6D:4F:90:11:7B:2E:C5:D8:43:6A:F0:9C:E1:55:38:0B:D4:82:A6:19
            a=setup:actpass
            a=mid:0
            a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
            a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
            a=sendrecv
            a=msid:3f5b2a0e-8f5e-4a2c-9a0e-a1b2c3d4e5f6 0b1c2d3e-4f5a-6b7c-8d9e-0f1a2b3c4d5e
            a=rtcp-mux
            a=rtpmap:111 opus/48000/2
            a=rtcp-fb:111 transport-cc
            a=fmtp:111 minptime=10;useinbandfec=1
            a=rtpmap:63 red/48000/2
            a=fmtp:63 111/111
            a=rtpmap:9 G722/8000
            a=rtpmap:0 PCMU/8000
            a=rtpmap:8 PCMA/8000
            a=rtpmap:13 CN/8000
            a=rtpmap:110 telephone-event/48000
            a=rtpmap:126 telephone-event/8000
            a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
            a=ssrc:3570614608 msid:3f5b2a0e-8f5e-4a2c-9a0e-a1b2c3d4e5f6 0b1c2d3e-4f5a-6b7c-8d9e-0f1a2b3c4d5e
            m=application 9 UDP/DTLS/SCTP webrtc-datachannel
            c=IN IP4 0.0.0.0
            a=ice-ufrag:UIZ3
            a=ice-pwd:hZtz3Xv6m9QxqgmvTYpTkW2G
            a=setup:actpass
            a=mid:1
            a=sctp-port:5000
            a=max-message-size:262144
            """,
        accepted: nil)

    static let faxOnly = PeerSample(
        name: "fax gateway",
        text: """
            v=0
            o=- 25678 753849 IN IP4 192.0.2.95
            s=-
            c=IN IP4 192.0.2.95
            t=0 0
            m=image 49170 udptl t38
            a=T38FaxVersion:0
            a=T38MaxBitRate:14400
            a=T38FaxRateManagement:transferredTCF
            """,
        accepted: nil)

    static let sparse = PeerSample(
        name: "device that leaves out s=, t= and rtpmap",
        text: """
            v=0
            o=- 0 0 IN IP4 192.0.2.99
            c=IN IP4 192.0.2.99
            m=audio 4000 RTP/AVP 8 0
            """,
        accepted: (0, ["8 PCMA/8000", "0 PCMU/8000"]))
}
