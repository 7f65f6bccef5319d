/// The descriptions of RFC 8866 §5 and §6.
enum RFC8866 {
    static let all: [String] = [overview, directions, schedule]

    static let overview: String = """
        v=0
        o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
        s=Call to John Smith
        i=SDP Offer #1
        u=http://www.jdoe.example.com/home.html
        e=Jane Doe <jane@jdoe.example.com>
        p=+1 617 555-6011
        c=IN IP4 198.51.100.1
        t=0 0
        m=audio 49170 RTP/AVP 0
        m=audio 49180 RTP/AVP 0
        m=video 51372 RTP/AVP 99
        c=IN IP6 2001:db8::2
        a=rtpmap:99 h263-1998/90000
        """

    static let directions: String = """
        v=0
        o=jdoe 3724395000 3724395001 IN IP6 2001:db8::1
        s=-
        c=IN IP6 2001:db8::1
        t=0 0
        a=inactive
        m=audio 49170 RTP/AVP 0
        a=sendrecv
        m=audio 49180 RTP/AVP 0
        m=video 51372 RTP/AVP 99
        a=rtpmap:99 h263-1998/90000
        """

    static let schedule: String = """
        v=0
        o=- 1 1 IN IP4 198.51.100.1
        s= \u{20}
        e=j.doe@example.com (Jane Doe)
        c=IN IP4 233.252.0.1/127
        b=X-YZ:128
        b=CT:1000
        t=3724394400 3754123200
        r=604800 3600 0 90000
        r=7d 1h 0 25h
        z=3730928400 -1h 3749680800 0
        t=3724484400 3724488000
        k=prompt
        a=tool:foobar V3.2
        a=type:moderated
        a=charset:ISO-8859-1
        m=audio 49230 RTP/AVP 96 97 98
        i=English commentary
        c=IN IP4 233.252.0.1/127
        c=IN IP4 233.252.0.2/127
        b=AS:64
        k=clear:secret
        a=rtpmap:96 L8/8000
        a=rtpmap:97 L16/8000
        a=rtpmap:98 L16/11025/2
        a=lang:de
        a=quality:10
        """
}
