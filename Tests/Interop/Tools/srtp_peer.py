#!/usr/bin/env python3
"""Secures and opens packets with libsrtp, by the package pylibsrtp of PyPI.

usage: srtp_peer.py JOBS RESULTS

JOBS is a file with a job in each line: suite, direction (out: secure, in: open), kind (rtp, rtcp), key with salt and packet, both in
hexadecimal. Jobs of one suite, direction and key share a session. RESULTS gets a line for each job: the packet in hexadecimal, or what was
wrong with it.
"""

import sys

from pylibsrtp import Error, Policy, Session

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def main() -> None:
    sessions = {}
    with open(sys.argv[1], encoding="ascii") as jobs, open(sys.argv[2], "w", encoding="ascii") as results:
        for line in jobs:
            suite, direction, kind, key, packet = line.split()
            name = (suite, direction, key)
            if name not in sessions:
                kind_of_source = Policy.SSRC_ANY_OUTBOUND if direction == "out" else Policy.SSRC_ANY_INBOUND
                sessions[name] = Session(
                    Policy(key=bytes.fromhex(key), ssrc_type=kind_of_source, srtp_profile=PROFILES[suite])
                )
            session = sessions[name]
            work = {
                ("out", "rtp"): session.protect,
                ("out", "rtcp"): session.protect_rtcp,
                ("in", "rtp"): session.unprotect,
                ("in", "rtcp"): session.unprotect_rtcp,
            }[direction, kind]
            try:
                print(work(bytes.fromhex(packet)).hex(), file=results)
            except Error as error:
                print("error", error, file=results)


if __name__ == "__main__":
    main()
