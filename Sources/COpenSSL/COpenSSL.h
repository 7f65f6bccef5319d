#pragma once

// The hash functions without a context on the heap are the only ones that allocate nothing for a message; they are marked as
// deprecated in favour of EVP, which allocates. docs/decisions/0012-openssl-for-media.md.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

// What OpenSSL has as macros or with a variable number of arguments, which Swift cannot call.

/// A new key on the curve P-256; NULL on failure.
static inline EVP_PKEY *openssl_new_p256_key(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); }

/// Takes DTLS 1.2 and nothing older; 1 when it is done.
static inline int openssl_set_dtls12(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1;
}

/// No certificate list of a peer may be longer, in octets.
static inline void openssl_set_max_cert_list(SSL_CTX *context, long octets) { SSL_CTX_set_max_cert_list(context, octets); }

/// No session is taken up again or renegotiated, nobody asks the socket for the length of datagrams, and memory is given back early.
static inline void openssl_set_habits(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

/// Names the owner of a certificate that is its own issuer; 1 when it is done.
static inline int openssl_set_name(X509 *certificate, const char *name) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

/// No datagram is longer, in octets.
static inline void openssl_set_mtu(SSL *ssl, long octets) { SSL_set_mtu(ssl, octets); }

/// Microseconds until the timer of the handshake runs out, or -1 when it does not run.
static inline long openssl_dtls_timeout(SSL *ssl) {
    struct timeval left;
    if (DTLSv1_get_timeout(ssl, &left) != 1) return -1;
    return left.tv_sec * 1000000L + left.tv_usec;
}

/// Repeats the last flight when its timer has run out: 1 it was sent again, 0 the timer had not run out, -1 there were too many.
static inline int openssl_dtls_handle_timeout(SSL *ssl) { return (int)DTLSv1_handle_timeout(ssl); }

static inline void openssl_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

static inline void openssl_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
