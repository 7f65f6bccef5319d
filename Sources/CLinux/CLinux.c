#define _GNU_SOURCE
#include <linux/filter.h>
#include "CLinux.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

_Static_assert(sizeof(struct linux_mmsghdr) == sizeof(struct mmsghdr), "layout of struct mmsghdr");
_Static_assert(offsetof(struct linux_mmsghdr, length) == offsetof(struct mmsghdr, msg_len), "layout of struct mmsghdr");

// One message alone, as the legs of calls and of relays mostly have, takes the kernel less time without the vector.

int linux_recvmmsg(int socket, struct linux_mmsghdr *messages, unsigned int count) {
    if (count == 1) {
        ssize_t received = recvmsg(socket, &messages->header, MSG_DONTWAIT);
        if (received < 0) return -errno;
        messages->length = (unsigned int)received;
        return 1;
    }
    int result = recvmmsg(socket, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
    return result < 0 ? -errno : result;
}

int linux_sendmmsg(int socket, struct linux_mmsghdr *messages, unsigned int count) {
    const struct msghdr *header = &messages->header;
    if (count == 1 && header->msg_controllen == 0 && header->msg_iovlen == 1) {
        ssize_t sent = sendto(
            socket, header->msg_iov->iov_base, header->msg_iov->iov_len, MSG_DONTWAIT, header->msg_name,
            header->msg_namelen);
        if (sent < 0) return -errno;
        messages->length = (unsigned int)sent;
        return 1;
    }
    int result = sendmmsg(socket, (struct mmsghdr *)messages, count, MSG_DONTWAIT);
    return result < 0 ? -errno : result;
}

long linux_receive_error(int socket, struct msghdr *message) {
    ssize_t result = recvmsg(socket, message, MSG_ERRQUEUE | MSG_DONTWAIT);
    return result < 0 ? -(long)errno : (long)result;
}

int linux_open_socket(int family, bool is_stream) {
    return socket(family, (is_stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int linux_make_timer(void) {
    return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
}

int linux_set_timer(int timer, int64_t nanoseconds) {
    struct itimerspec setting = { .it_value = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 } };
    return timerfd_settime(timer, 0, &setting, NULL) == 0 ? 0 : -errno;
}

int linux_steer_to_first_socket(int socket, bool first) {
    // Returns the number of the socket in the group that takes a datagram.
    struct sock_filter always_first = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = { .len = 1, .filter = &always_first };
    int none = 0;
    int result = first
        ? setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program)
        : setsockopt(socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof none);
    return result == 0 ? 0 : -errno;
}

void linux_random_bytes(void *bytes, size_t count) {
    // Fails only before the kernel has gathered randomness at boot, and then waits; an interrupted call has given nothing.
    while (getrandom(bytes, count, 0) != (ssize_t)count) {}
}

void linux_trim_heap(void) {
    malloc_trim(0);
}

uint64_t linux_file_version(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return 0;
    uint64_t time = (uint64_t)status.st_mtim.tv_sec * 1000000000u + (uint64_t)status.st_mtim.tv_nsec;
    return (time ^ (uint64_t)status.st_ino << 48 ^ (uint64_t)status.st_ino) | 1;
}

void linux_set_thread_name(const char *name) {
    char kept[16];
    strncpy(kept, name, sizeof kept - 1);
    kept[sizeof kept - 1] = 0;
    pthread_setname_np(pthread_self(), kept);
}
