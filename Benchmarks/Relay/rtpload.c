// Sends G.711 to a relay and hears it back on the other side: the load of relay.py.
//
//   rtpload SECONDS FIRST_PORT WAY < doors
//
// Each line of standard input is a leg: the port of the relay on 127.0.0.1 that the leg sends to, and for one that is encrypted by
// AES_CM_128_HMAC_SHA1_80 (RFC 3711, RFC 4568) key and salt, in 60 hexadecimal digits, of what it sends and of what it hears. Legs 2n
// and 2n + 1 are the ends of a call. WAY is both, or caller or callee where only the former or the latter send. The leg of line i is bound to FIRST_PORT + 2i, and sends 172 octets (RFC 3550 header and 20 ms of G.711) every 20 ms, 10 more where it is encrypted; the legs
// are spread evenly over the 20 ms. Prints one JSON object: packets sent and heard, those that came elsewhere than to the leg across,
// and the time on the way in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKET = 172, PERIOD = 20000000, LEGS = 20000, SLOTS = 200000 };

static int sockets[LEGS];
static uint32_t latencies[SLOTS]; // by microsecond

// What secures the packets of one direction (RFC 3711 §4). The rollover counter is 0: nobody loads a relay for 65,536 packets.
struct security { EVP_CIPHER_CTX *cipher; unsigned char salt[14], authentication[20]; };
enum { TAG = 10 };
static struct security outward[LEGS], inward[LEGS];

static void mask(EVP_CIPHER_CTX *cipher, const unsigned char *iv, unsigned char *bytes, int count) {
    int written;
    EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv);
    EVP_EncryptUpdate(cipher, bytes, &written, bytes, count);
}

// §4.3.1, §4.3.3
static void derive(const unsigned char *master, int label, unsigned char *key, int count) {
    unsigned char iv[16] = {0};
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    memcpy(iv, master + 16, 14);
    iv[7] ^= label;
    EVP_EncryptInit_ex(cipher, EVP_aes_128_ctr(), NULL, master, NULL);
    memset(key, 0, count);
    mask(cipher, iv, key, count);
    EVP_CIPHER_CTX_free(cipher);
}

static void secure(struct security *to, const char *digits) {
    unsigned char master[30], key[16];
    for (int i = 0; i < 30; i++) sscanf(digits + 2 * i, "%2hhx", master + i);
    derive(master, 0, key, 16);
    derive(master, 1, to->authentication, 20);
    derive(master, 2, to->salt, 14);
    to->cipher = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(to->cipher, EVP_aes_128_ctr(), NULL, key, NULL);
}

// §4.1.1
static void cipher(struct security *by, uint8_t *packet, int length) {
    unsigned char iv[16] = {0};
    memcpy(iv, by->salt, 14);
    for (int i = 0; i < 4; i++) iv[4 + i] ^= packet[8 + i];
    iv[12] ^= packet[2], iv[13] ^= packet[3];
    mask(by->cipher, iv, packet + 12, length - 12);
}

// §4.2
static void tag(struct security *by, const uint8_t *packet, int length, unsigned char *result) {
    uint8_t covered[2048 + 4];
    memcpy(covered, packet, length);
    memset(covered + length, 0, 4);
    unsigned int size;
    HMAC(EVP_sha1(), by->authentication, 20, covered, length + 4, result, &size);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

int main(int argc, char **argv) {
    double seconds = atof(argv[1]);
    int first = atoi(argv[2]), legs = 0, port;
    // Legs that send: each of the step'th from the start'th on.
    int step = strcmp(argv[3], "both") ? 2 : 1, start = !strcmp(argv[3], "callee");
    int epoll = epoll_create1(0);
    char line[256], sends[128], hears[128];
    while (legs < LEGS && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%d %127s %127s", &port, sends, hears) == 3) {
            secure(&outward[legs], sends);
            secure(&inward[legs], hears);
        }
        int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        int size = 1 << 20;
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(first + 2 * legs), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(s, (struct sockaddr *)&a, sizeof a)) { perror("bind"); return 1; }
        a.sin_port = htons(port);
        if (connect(s, (struct sockaddr *)&a, sizeof a)) { perror("connect"); return 1; }
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = legs};
        epoll_ctl(epoll, EPOLL_CTL_ADD, s, &e);
        sockets[legs++] = s;
    }
    uint64_t begin = now() + 10000000, end = begin + (uint64_t)(seconds * 1e9), sent = 0, heard = 0, stray = 0;
    uint64_t warm = begin + 2000000000u; // what comes first finds unconnected sockets and cold caches
    uint8_t packet[PACKET + 20] = {0x80, 0};
    int senders = legs / step;
    while (1) {
        uint64_t t = now();
        if (t > end + 300000000u) break;
        // The packet of sender i in round r is due at begin + r * PERIOD + i * PERIOD / senders.
        while (t < end) {
            uint64_t due = begin + sent * PERIOD / senders;
            if (due > t) break;
            int leg = start + step * (sent % senders), length = PACKET;
            uint32_t round = sent / senders, ssrc = leg;
            packet[2] = round >> 8, packet[3] = round;
            memcpy(packet + 8, &ssrc, 4);
            uint64_t stamp = now();
            memcpy(packet + 12, &stamp, 8);
            if (outward[leg].cipher) {
                memset(packet + 20, 0, PACKET - 20);
                cipher(&outward[leg], packet, PACKET);
                tag(&outward[leg], packet, PACKET, packet + PACKET);
                length += TAG;
            }
            send(sockets[leg], packet, length, MSG_DONTWAIT);
            sent++;
        }
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 0);
        for (int i = 0; i < n; i++) {
            uint8_t in[2048];
            int leg = events[i].data.u32;
            ssize_t length = recv(sockets[leg], in, sizeof in, 0);
            if (inward[leg].cipher && length == PACKET + TAG) {
                unsigned char expected[20];
                tag(&inward[leg], in, PACKET, expected);
                if (memcmp(expected, in + PACKET, TAG)) { stray++; continue; }
                cipher(&inward[leg], in, PACKET);
                length = PACKET;
            }
            if (length != PACKET) continue;
            uint32_t ssrc;
            uint64_t stamp;
            memcpy(&ssrc, in + 8, 4);
            memcpy(&stamp, in + 12, 8);
            if ((int)(ssrc ^ 1) != leg) { stray++; continue; }
            heard++;
            if (stamp < warm) continue;
            uint64_t us = (now() - stamp) / 1000;
            latencies[us < SLOTS ? us : SLOTS - 1]++;
        }
    }
    uint64_t total = 0, at = 0;
    for (int i = 0; i < SLOTS; i++) total += latencies[i];
    double wanted[] = {0.5, 0.99, 0.999};
    uint32_t found[3] = {0};
    for (int i = 0, k = 0; i < SLOTS && k < 3; i++) {
        at += latencies[i];
        while (k < 3 && at >= wanted[k] * total) found[k++] = i;
    }
    printf("{\"legs\": %d, \"sent\": %lu, \"heard\": %lu, \"stray\": %lu, \"p50\": %u, \"p99\": %u, \"p999\": %u}\n", legs, sent, heard, stray, found[0], found[1], found[2]);
    return 0;
}
