// The floor: a relay that does nothing but pass datagrams on, with epoll, recvfrom and send on connected sockets.
//
//   barerelay LEGS FIRST_PORT
//
// Binds a socket for each leg to 127.0.0.1 and prints its port; what comes to leg 2n leaves from leg 2n + 1 to FIRST_PORT + 2 (2n + 1),
// and the other way round. Each socket is connected to its end, as the relay's are once an end was heard.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    int legs = atoi(argv[1]), first = atoi(argv[2]);
    int *sockets = calloc(legs, sizeof(int));
    int epoll = epoll_create1(0);
    for (int i = 0; i < legs; i++) {
        int s = sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 131072, tos = 46 << 2;
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        setsockopt(s, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof a;
        if (bind(s, (struct sockaddr *)&a, sizeof a)) { perror("bind"); return 1; }
        getsockname(s, (struct sockaddr *)&a, &length);
        printf("%d\n", ntohs(a.sin_port));
        a.sin_port = htons(first + 2 * i);
        connect(s, (struct sockaddr *)&a, sizeof a);
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, s, &e);
    }
    fflush(stdout);
    while (1) {
        struct epoll_event events[128];
        int n = epoll_wait(epoll, events, 128, -1);
        for (int i = 0; i < n; i++) {
            char bytes[2048];
            struct sockaddr_in from;
            socklen_t length = sizeof from;
            int leg = events[i].data.u32;
            ssize_t count = recvfrom(sockets[leg], bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
            if (count > 0) send(sockets[leg ^ 1], bytes, count, MSG_DONTWAIT);
        }
    }
}
