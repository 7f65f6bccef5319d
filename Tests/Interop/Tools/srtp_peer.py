#!/usr/bin/env python3
"""Secures and opens packets with libsrtp (the Debian package libsrtp2-1), by its functions in C.

usage: srtp_peer.py JOBS RESULTS

JOBS is a file with a job in each line: suite, direction (out: secure, in: open), kind (rtp, rtcp), key with salt, its identifier (MKI; - for
none) and packet, all three in hexadecimal. Jobs of one suite, direction, key and identifier share a session. RESULTS gets a line for
each job: the packet in hexadecimal, or what was wrong with it.
"""

import ctypes
import sys

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": "rtp_default",
    "AES_CM_128_HMAC_SHA1_32": "aes_cm_128_hmac_sha1_32",
    "AES_192_CM_HMAC_SHA1_80": "aes_cm_192_hmac_sha1_80",
    "AES_192_CM_HMAC_SHA1_32": "aes_cm_192_hmac_sha1_32",
    "AES_256_CM_HMAC_SHA1_80": "aes_cm_256_hmac_sha1_80",
    "AES_256_CM_HMAC_SHA1_32": "aes_cm_256_hmac_sha1_32",
    "AEAD_AES_128_GCM": "aes_gcm_128_16_auth",
    "AEAD_AES_256_GCM": "aes_gcm_256_16_auth",
}
# Sources: any that come in, any that go out.
ANY_INBOUND, ANY_OUTBOUND = 2, 3
# Room behind a packet for its tag, its index and its MKI: SRTP_MAX_TRAILER_LEN, and 128 octets of MKI.
ROOM = 16 + 4 + 128


class CryptoPolicy(ctypes.Structure):
    """srtp_crypto_policy_t"""
    _fields_ = [(name, ctypes.c_int) for name in
                ("cipher_type", "cipher_key_len", "auth_type", "auth_key_len", "auth_tag_len", "sec_serv")]


class Source(ctypes.Structure):
    """srtp_ssrc_t"""
    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_uint)]


class Key(ctypes.Structure):
    """srtp_master_key_t"""
    _fields_ = [("key", ctypes.c_char_p), ("mki", ctypes.c_char_p), ("mki_size", ctypes.c_uint)]


class Policy(ctypes.Structure):
    """srtp_policy_t of libsrtp 2"""
    _fields_ = [("ssrc", Source), ("rtp", CryptoPolicy), ("rtcp", CryptoPolicy), ("key", ctypes.c_char_p),
                ("keys", ctypes.POINTER(ctypes.POINTER(Key))), ("key_count", ctypes.c_ulong), ("ekt", ctypes.c_void_p),
                ("window_size", ctypes.c_ulong), ("allow_repeat_tx", ctypes.c_int),
                ("extensions", ctypes.POINTER(ctypes.c_int)), ("extension_count", ctypes.c_int), ("next", ctypes.c_void_p)]


class Session:
    """A session with one key."""

    def __init__(self, library: ctypes.CDLL, suite: str, direction: str, key: bytes, mki: bytes):
        self.library, self.has_identifier = library, int(bool(mki))
        policy = Policy(ssrc=Source(ANY_OUTBOUND if direction == "out" else ANY_INBOUND, 0), window_size=1024)
        getattr(library, f"srtp_crypto_policy_set_{SUITES[suite]}")(ctypes.byref(policy.rtp))
        # The tags of RTCP have 80 bits, whatever those of RTP have (RFC 3711 §5.2).
        getattr(library, f"srtp_crypto_policy_set_{SUITES[suite].replace('_32', '_80').replace('aes_cm_128_hmac_sha1_80', 'rtp_default')}")(
            ctypes.byref(policy.rtcp))
        master = Key(key, mki or None, len(mki))
        keys = (ctypes.POINTER(Key) * 1)(ctypes.pointer(master))
        policy.keys, policy.key_count = ctypes.cast(keys, ctypes.POINTER(ctypes.POINTER(Key))), 1
        self.session = ctypes.c_void_p()
        status = library.srtp_create(ctypes.byref(self.session), ctypes.byref(policy))
        if status != 0:
            sys.exit(f"libsrtp makes no session of {suite}: {status}")

    def work(self, direction: str, kind: str, packet: bytes) -> str:
        memory = ctypes.create_string_buffer(packet, len(packet) + ROOM)
        length = ctypes.c_int(len(packet))
        suffix = "_rtcp_mki" if kind == "rtcp" else "_mki"
        if direction == "out":
            work = getattr(self.library, f"srtp_protect{suffix}")
            status = work(self.session, memory, ctypes.byref(length), self.has_identifier, 0)
        else:
            work = getattr(self.library, f"srtp_unprotect{suffix}")
            status = work(self.session, memory, ctypes.byref(length), self.has_identifier)
        return f"error {status}" if status else memory.raw[:length.value].hex()


def main() -> None:
    library = ctypes.CDLL("libsrtp2.so.1")
    if library.srtp_init() != 0:
        sys.exit("libsrtp does not begin")
    sessions = {}
    with open(sys.argv[1], encoding="ascii") as jobs, open(sys.argv[2], "w", encoding="ascii") as results:
        for line in jobs:
            suite, direction, kind, key, identifier, packet = line.split()
            name = (suite, direction, key, identifier)
            if name not in sessions:
                mki = b"" if identifier == "-" else bytes.fromhex(identifier)
                sessions[name] = Session(library, suite, direction, bytes.fromhex(key), mki)
            print(sessions[name].work(direction, kind, bytes.fromhex(packet)), file=results)


if __name__ == "__main__":
    main()
