// Sends G.711 to a relay as fast as the processor lets it, and hears nothing back: the load of latency.py.
//
//   flood FIRST_PORT < doors
//
// Each line of standard input is a leg: the port of the relay on 127.0.0.1 that the leg sends to. The leg of line i is bound to
// FIRST_PORT + 2i, and sends 172 octets (RFC 3550 header and 20 ms of G.711); legs take turns, in batches. Says "begun" after the first batch, and at SIGTERM
// how many packets were sent and how many batches found no room.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PACKET = 172, LEGS = 1000, BATCH = 32 };

static volatile sig_atomic_t is_over;

static void end(int number) { is_over = number; }

int main(int count, char **arguments) {
    if (count != 2) return 2;
    int first = atoi(arguments[1]), legs = 0, port, sockets[LEGS];
    char line[128];
    while (legs < LEGS && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%d", &port) != 1) continue;
        int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 4096;
        // What comes back is not read: the kernel drops it here, at little cost.
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(first + 2 * legs), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(s, (struct sockaddr *)&a, sizeof a)) { perror("bind"); return 1; }
        a.sin_port = htons(port);
        if (connect(s, (struct sockaddr *)&a, sizeof a)) { perror("connect"); return 1; }
        sockets[legs++] = s;
    }
    if (!legs) return 2;
    signal(SIGTERM, end);
    static uint8_t packets[BATCH][PACKET];
    struct iovec parts[BATCH];
    struct mmsghdr batch[BATCH];
    memset(batch, 0, sizeof batch);
    for (int i = 0; i < BATCH; i++) {
        packets[i][0] = 0x80;
        parts[i] = (struct iovec){packets[i], PACKET};
        batch[i].msg_hdr.msg_iov = &parts[i];
        batch[i].msg_hdr.msg_iovlen = 1;
    }
    uint64_t sent = 0, full = 0;
    uint32_t sequence = 0;
    while (!is_over) {
        for (int leg = 0; leg < legs && !is_over; leg++) {
            for (int i = 0; i < BATCH; i++) {
                uint16_t number = htons((uint16_t)(sequence + i));
                uint32_t source = htonl(leg + 1);
                memcpy(packets[i] + 2, &number, 2);
                memcpy(packets[i] + 8, &source, 4);
            }
            int done = sendmmsg(sockets[leg], batch, BATCH, MSG_DONTWAIT);
            if (done < BATCH) full++;
            if (done > 0) {
                if (!sent) { puts("begun"); fflush(stdout); }
                sent += done;
            }
        }
        sequence += BATCH;
    }
    printf("{\"sent\": %lu, \"full\": %lu}\n", sent, full);
    return 0;
}
