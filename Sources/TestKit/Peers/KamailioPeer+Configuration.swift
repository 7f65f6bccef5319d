extension KamailioPeer {
    /// The configuration file of a registrar and proxy in Kamailio's language.
    static func configuration(_ options: Options, port: UInt16) -> String {
        let address = bracketed(options.address)
        let passwords = options.passwords.sorted { $0.key < $1.key }
            .map { "    $sht(passwords=>\($0.key)) = \"\($0.value)\";" }.joined(separator: "\n")
        return """
            #!KAMAILIO
            debug=1
            log_stderror=yes
            fork=yes
            children=1
            tcp_children=1
            auto_aliases=no
            dns=no
            rev_dns=no
            alias="\(options.domain)"
            listen=udp:\(address):\(port)
            listen=tcp:\(address):\(port)
            \(modules)
            modparam("htable", "htable", "passwords=>size=8;")
            modparam("tm", "fr_timer", 5000)
            modparam("tm", "fr_inv_timer", \(options.answerLimit.milliseconds))
            modparam("usrloc", "db_mode", 0)
            modparam("registrar", "max_contacts", 10)
            event_route[htable:mod-init] {
            \(passwords)
                return;
            }
            \(options.passwords.isEmpty ? "" : "#!define WITH_DIGEST")
            \(routes)
            """
    }

    private static let modules = [
        "kex", "corex", "tm", "tmx", "sl", "rr", "pv", "maxfwd", "usrloc", "registrar", "textops", "siputils", "xlog",
        "sanity", "auth", "htable",
    ].map { "loadmodule \"\($0).so\"" }.joined(separator: "\n")

    private static let routes = #"""
        request_route {
            if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
            if (!sanity_check("17895", "7")) { exit; }
            if (is_method("OPTIONS") && uri == myself && $rU == $null) { sl_send_reply("200", "OK"); exit; }
            if (is_method("CANCEL")) {
                if (t_check_trans()) { t_relay(); }
                exit;
            }
            if (!is_method("ACK") && t_precheck_trans()) { t_check_trans(); exit; }
            t_check_trans();
            if (has_totag()) { route(WITHIN_DIALOG); }
            if (is_method("ACK")) { exit; }
            if (is_method("REGISTER")) { route(REGISTRATION); }
        #!ifdef WITH_DIGEST
            if (from_uri == myself) {
                if ($sht(passwords=>$au) == $null || !pv_proxy_authenticate("$fd", "$sht(passwords=>$au)", "0")) { proxy_challenge("$fd", "0"); exit; }
                consume_credentials();
            }
        #!endif
            record_route();
            if (uri == myself && !lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
            if (!t_relay()) { sl_reply_error(); }
            exit;
        }

        route[WITHIN_DIALOG] {
            if (loose_route() || (is_method("ACK") && t_check_trans())) {
                if (!t_relay()) { sl_reply_error(); }
                exit;
            }
            if (!is_method("ACK")) { sl_send_reply("404", "Not Here"); }
            exit;
        }

        route[REGISTRATION] {
        #!ifdef WITH_DIGEST
            if ($sht(passwords=>$au) == $null || !pv_www_authenticate("$td", "$sht(passwords=>$au)", "0")) { www_challenge("$td", "0"); exit; }
            if ($au != $tU) { sl_send_reply("403", "Not Your Address"); exit; }
        #!endif
            if (!save("location")) { sl_reply_error(); }
            exit;
        }
        """#
}
