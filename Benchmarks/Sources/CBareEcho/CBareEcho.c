#define _GNU_SOURCE
#include "CBareEcho.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { most = 64, room = 2048 };

int64_t bare_thread_cpu_time(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

void bare_pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

int bare_socket(uint16_t *port) {
    int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int bytes = 4 << 20;
    setsockopt(made, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(made, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port) };
    if (bind(made, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    socklen_t length = sizeof address;
    getsockname(made, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return made;
}

int64_t bare_echo(int socket, enum bare_wait wait, int batch, const volatile bool *stop) {
    static char buffers[most][room];
    struct sockaddr_in names[most];
    struct iovec vectors[most];
    struct mmsghdr messages[most];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < most; i++) {
        messages[i].msg_hdr.msg_name = &names[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        vectors[i].iov_base = buffers[i];
    }
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(set, EPOLL_CTL_ADD, socket, &event);
    int64_t start = bare_thread_cpu_time();
    while (!*stop) {
        if (wait == bare_wait_epoll) epoll_wait(set, &event, 1, -1);
        for (int i = 0; i < batch; i++) {
            messages[i].msg_hdr.msg_namelen = sizeof names[i];
            vectors[i].iov_len = room;
        }
        int count = recvmmsg(socket, messages, batch, wait == bare_wait_epoll ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) vectors[i].iov_len = messages[i].msg_len;
        for (int sent = 0; sent < count;) {
            int result = sendmmsg(socket, messages + sent, count - sent, 0);
            if (result <= 0) break;
            sent += result;
        }
    }
    int64_t used = bare_thread_cpu_time() - start;
    close(set);
    return used;
}

int64_t bare_relay(const int *sockets, int count, const volatile bool *stop) {
    static char buffer[room];
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = sockets[i] };
        epoll_ctl(set, EPOLL_CTL_ADD, sockets[i], &event);
    }
    int64_t start = bare_thread_cpu_time();
    while (!*stop) {
        struct epoll_event events[128];
        int ready = epoll_wait(set, events, 128, -1);
        for (int i = 0; i < ready; i++) {
            struct sockaddr_in name;
            socklen_t length = sizeof name;
            ssize_t bytes = recvfrom(events[i].data.fd, buffer, room, MSG_DONTWAIT, (struct sockaddr *)&name, &length);
            if (bytes >= 0) sendto(events[i].data.fd, buffer, bytes, MSG_DONTWAIT, (struct sockaddr *)&name, length);
        }
    }
    int64_t used = bare_thread_cpu_time() - start;
    close(set);
    return used;
}

static int64_t load(uint16_t port, int64_t total, int size, int window, bool connected) {
    static char payload[room], answers[most][room];
    uint16_t own = 0;
    int made = bare_socket(&own);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
    if (connected) connect(made, (struct sockaddr *)&address, sizeof address);
    struct iovec out[most], in[most];
    struct mmsghdr sending[most], receiving[most];
    memset(sending, 0, sizeof sending);
    memset(receiving, 0, sizeof receiving);
    memset(payload, 'x', sizeof payload);
    for (int i = 0; i < most; i++) {
        out[i] = (struct iovec){ payload, size };
        in[i] = (struct iovec){ answers[i], room };
        sending[i].msg_hdr = (struct msghdr){ .msg_iov = &out[i], .msg_iovlen = 1 };
        if (!connected) {
            sending[i].msg_hdr.msg_name = &address;
            sending[i].msg_hdr.msg_namelen = sizeof address;
        }
        receiving[i].msg_hdr = (struct msghdr){ .msg_iov = &in[i], .msg_iovlen = 1 };
    }
    struct timeval patience = { .tv_sec = 1 };
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int64_t sent = 0, answered = 0;
    while (answered < total) {
        int64_t allowed = window - (sent - answered);
        if (allowed > total - sent) allowed = total - sent;
        if (allowed > most) allowed = most;
        if (allowed > 0) {
            int result = sendmmsg(made, sending, allowed, 0);
            if (result > 0) sent += result;
        }
        bool full = sent - answered >= window || sent == total;
        int result = recvmmsg(made, receiving, most, full ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);
        if (result > 0) answered += result;
        else if (full) break;
    }
    close(made);
    return answered;
}

int64_t bare_load(uint16_t port, int64_t total, int size, int window) { return load(port, total, size, window, true); }

int64_t bare_load_unconnected(uint16_t port, int64_t total, int size, int window) {
    return load(port, total, size, window, false);
}

int64_t bare_load_spread(const uint16_t *ports, int count, int64_t total, int size, int window) {
    static char payload[room];
    int *sockets = calloc(count, sizeof *sockets);
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        uint16_t own = 0;
        sockets[i] = bare_socket(&own);
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(ports[i]) };
        connect(sockets[i], (struct sockaddr *)&address, sizeof address);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = sockets[i] };
        epoll_ctl(set, EPOLL_CTL_ADD, sockets[i], &event);
    }
    int64_t sent = 0, answered = 0;
    while (answered < total) {
        while (sent < total && sent - answered < window) {
            if (send(sockets[sent % count], payload, size, 0) < 0) break;
            sent++;
        }
        struct epoll_event events[128];
        int ready = epoll_wait(set, events, 128, 1000);
        if (ready <= 0) break;
        for (int i = 0; i < ready; i++)
            if (recv(events[i].data.fd, payload, room, MSG_DONTWAIT) >= 0) answered++;
    }
    for (int i = 0; i < count; i++) close(sockets[i]);
    free(sockets);
    close(set);
    return answered;
}
