#include "CWireTap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int wiretap_open(void) {
    int tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    if (tap < 0) return -errno;
    int on = 1, room = 8 << 20;
    struct sockaddr_ll loopback = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex("lo")};
    setsockopt(tap, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (setsockopt(tap, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        bind(tap, (struct sockaddr *)&loopback, sizeof loopback) != 0) {
        int error = errno;
        close(tap);
        return -error;
    }
    return tap;
}

static uint16_t word(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

static uint32_t quad(const uint8_t *bytes) { return (uint32_t)word(bytes) << 16 | word(bytes + 2); }

static int read_datagram(const uint8_t *packet, long size, struct wiretap_datagram *datagram) {
    if (size < 20 || packet[0] >> 4 != 4 || packet[9] != 17) return 0;
    long start = (packet[0] & 15) * 4;
    if (size < start + 8) return 0;
    const uint8_t *udp = packet + start;
    datagram->source_address = quad(packet + 12);
    datagram->destination_address = quad(packet + 16);
    datagram->source_port = word(udp);
    datagram->destination_port = word(udp + 2);
    datagram->length = word(udp + 4) >= 8 ? word(udp + 4) - 8u : 0;
    memset(datagram->head, 0, sizeof datagram->head);
    long there = size - start - 8;
    if (there > (long)sizeof datagram->head) there = sizeof datagram->head;
    memcpy(datagram->head, udp + 8, (size_t)there);
    return 1;
}

int wiretap_next(int tap, struct wiretap_datagram *datagram, int milliseconds) {
    struct pollfd waiting = {.fd = tap, .events = POLLIN};
    if (poll(&waiting, 1, milliseconds) <= 0) return 0;
    uint8_t packet[256];
    union {
        char bytes[256];
        struct cmsghdr aligned;
    } control;
    struct sockaddr_ll from;
    struct iovec vector = {packet, sizeof packet};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1,
        .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    long size = recvmsg(tap, &message, MSG_DONTWAIT);
    // Each packet is seen once, on its way in; on loopback that is within the sender's system call.
    if (size < 0 || from.sll_pkttype != PACKET_HOST) return 0;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec time;
        memcpy(&time, CMSG_DATA(item), sizeof time);
        datagram->time = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
        return read_datagram(packet, size, datagram);
    }
    return 0;
}

uint32_t wiretap_drops(int tap) {
    struct tpacket_stats {
        unsigned int packets, drops;
    } counts = {0, 0};
    socklen_t length = sizeof counts;
    // PACKET_STATISTICS of linux/if_packet.h, which cannot be included beside netpacket/packet.h.
    return getsockopt(tap, SOL_PACKET, 6, &counts, &length) == 0 ? counts.drops : 0;
}

void wiretap_close(int tap) { close(tap); }
