// turnload: the load of compare.py. Sends channel data by clients that have their channels, sends back what reaches the peer, and counts
// what comes to the clients.
//
//   turnload RATE SECONDS SIZE PEER CLIENT...
//
// RATE is datagrams a second of all clients in turn, SIZE octets of data in each; PEER and CLIENT are descriptors of UDP sockets, those of
// clients connected. Prints "sent echoed received" when all is over.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64, room = 2048 };

static struct mmsghdr messages[batch];
static struct iovec vectors[batch];
static struct sockaddr_in sources[batch];
static char memory[batch][room];
static long echoed, received;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void echo(int peer) {
    for (;;) {
        for (int i = 0; i < batch; i++) {
            vectors[i] = (struct iovec){memory[i], room};
            messages[i].msg_hdr = (struct msghdr){
                .msg_name = &sources[i], .msg_namelen = sizeof sources[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
        }
        int count = recvmmsg(peer, messages, batch, MSG_DONTWAIT, NULL);
        if (count <= 0) return;
        for (int i = 0; i < count; i++) vectors[i].iov_len = messages[i].msg_len;
        int sent = sendmmsg(peer, messages, count, 0);
        if (sent > 0) echoed += sent;
        if (count < batch) return;
    }
}

static void drain(int events, int peer, int milliseconds) {
    struct epoll_event ready[256];
    int count = epoll_wait(events, ready, 256, milliseconds);
    for (int i = 0; i < count; i++) {
        int descriptor = ready[i].data.fd;
        if (descriptor == peer) {
            echo(peer);
        } else {
            while (recv(descriptor, memory[0], room, MSG_DONTWAIT) > 0) received++;
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 6) return fprintf(stderr, "turnload RATE SECONDS SIZE PEER CLIENT...\n"), 2;
    double rate = atof(argv[1]), seconds = atof(argv[2]);
    int size = atoi(argv[3]), peer = atoi(argv[4]), clients = argc - 5;
    if (size > room - 4) return fprintf(stderr, "turnload: SIZE is too large\n"), 2;
    char data[room] = {0x40, 0, (char)(size >> 8), (char)size};
    int events = epoll_create1(0);
    for (int i = 4; i < argc; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = atoi(argv[i])};
        if (epoll_ctl(events, EPOLL_CTL_ADD, event.data.fd, &event) < 0) return perror("epoll_ctl"), 1;
    }
    long sent = 0;
    double begin = now(), passed;
    while ((passed = now() - begin) < seconds) {
        long due = (long)(passed * rate) - sent;
        for (long i = 0; i < due && i < batch; i++) {
            send(atoi(argv[5 + sent % clients]), data, size + 4, MSG_DONTWAIT);
            sent++;
        }
        drain(events, peer, due > 0 ? 0 : 1);
    }
    for (double end = now() + 0.3; now() < end;) drain(events, peer, 10);
    printf("%ld %ld %ld\n", sent, echoed, received);
    return 0;
}
