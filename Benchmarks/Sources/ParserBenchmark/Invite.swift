/// The message that is measured: an INVITE with SDP, 1,033 bytes and 15 header fields, as it reaches a proxy in the core.
let inviteText = """
    INVITE sip:+81355501234@sip.example.net;user=phone SIP/2.0
    Via: SIP/2.0/UDP 198.51.100.17:5060;branch=z9hG4bK7c1f0a93e2d84b56;rport=5060
    Via: SIP/2.0/TLS 10.20.30.40:50612;branch=z9hG4bKs3Rw8Qm1Zx0pLt;received=203.0.113.9
    Record-Route: <sips:edge.example.com:5061;lr;ftag=9a71c5>
    Route: <sip:198.51.100.80:5060;lr>, <sip:core2.example.net;lr>
    Max-Forwards: 68
    From: "Hanako Yamada" <sip:hanako@example.com>;tag=4b1d77e0a2
    To: <sip:+81355501234@sip.example.net;user=phone>
    Call-ID: 5f0c2ab1-77de-4c19-9d36-e0b4f81a2c3d
    CSeq: 20571 INVITE
    Contact: <sip:hanako@10.20.30.40:50612;transport=tls>;+sip.ice
    Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, REFER
    Supported: 100rel, timer, replaces
    User-Agent: Example-Phone/4.2.1 (debian)
    Content-Type: application/sdp
    Content-Length: 226

    v=0
    o=hanako 3912807301 3912807301 IN IP4 10.20.30.40
    s=-
    c=IN IP4 10.20.30.40
    t=0 0
    m=audio 40172 RTP/AVP 96 8 0 101
    a=rtpmap:96 opus/48000/2
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    a=ptime:20
    a=sendrecv

    """
