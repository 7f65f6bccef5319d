// Sends G.711 to a relay and hears it back on the other side: the load of relay.py.
//
//   rtpload SECONDS FIRST_PORT < doors
//
// Each line of standard input is a leg: the port of the relay on 127.0.0.1 that the leg sends to. Legs 2n and 2n + 1 are the ends of a
// call. The leg of line i is bound to FIRST_PORT + 2i, and sends 172 octets (RFC 3550 header and 20 ms of G.711) every 20 ms; the legs
// are spread evenly over the 20 ms. Prints one JSON object: packets sent and heard, those that came elsewhere than to the leg across,
// and the time on the way in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

int main(int argc, char **argv) {
    double seconds = atof(argv[1]);
    int first = atoi(argv[2]), legs = 0, port;
    int epoll = epoll_create1(0);
    while (legs < LEGS && scanf("%d", &port) == 1) {
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
    uint8_t packet[PACKET] = {0x80, 0};
    while (1) {
        uint64_t t = now();
        if (t > end + 300000000u) break;
        // The packet of leg i in round r is due at begin + r * PERIOD + i * PERIOD / legs.
        while (t < end) {
            uint64_t due = begin + sent * PERIOD / legs;
            if (due > t) break;
            int leg = sent % legs;
            uint32_t round = sent / legs, ssrc = leg;
            packet[2] = round >> 8, packet[3] = round;
            memcpy(packet + 8, &ssrc, 4);
            uint64_t stamp = now();
            memcpy(packet + 12, &stamp, 8);
            send(sockets[leg], packet, PACKET, MSG_DONTWAIT);
            sent++;
        }
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 0);
        for (int i = 0; i < n; i++) {
            uint8_t in[2048];
            int leg = events[i].data.u32;
            if (recv(sockets[leg], in, sizeof in, 0) != PACKET) continue;
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
