#ifndef CLINUX_H
#define CLINUX_H

// What the lanes need of Linux and Swift's own Glibc module does not show: message batches, epoll, the error queue.
// Declarations and one-line calls only; everything that decides something is written in Swift.

#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <linux/errqueue.h>

/// `struct mmsghdr`, whose layout is part of glibc's ABI: hidden from Swift, because glibc declares it for GNU sources only.
struct linux_mmsghdr {
    struct msghdr header;
    unsigned int length;
};

/// Opens a socket of TCP, or else of UDP, that does not wait and is closed in programs that are started. Returns -1 and sets `errno` when there is
/// none. Which module of C the kinds of sockets are taken to belong to differs from file to file, so that Swift may not find them.
int linux_open_socket(int family, bool is_stream);

/// recvmmsg(2), or recvmsg(2) for one, that does not wait. Returns the number of messages, or the negative error number.
int linux_recvmmsg(int socket, struct linux_mmsghdr *messages, unsigned int count);

/// sendmmsg(2), or sendto(2) for one without control data, that does not wait. Returns the number of messages sent, or the negative error number.
int linux_sendmmsg(int socket, struct linux_mmsghdr *messages, unsigned int count);

/// recvmsg(2) on the error queue, not waiting. Returns the number of bytes, or the negative error number.
long linux_receive_error(int socket, struct msghdr *message);

/// Makes a timerfd of the clock that goes on while the machine sleeps, for reads that do not wait. Returns -1 and sets `errno`
/// when there is none.
int linux_make_timer(void);

/// Has a timerfd expire once, in so many nanoseconds; more than 0. Returns 0, or the negative error number.
int linux_set_timer(int timer, int64_t nanoseconds);

/// Has all datagrams for the sockets that share this one's port (SO_REUSEPORT) go to the first one that was bound, or to each
/// by the kernel's hash again. Returns 0, or the negative error number.
int linux_steer_to_first_socket(int socket, bool first);

/// Fills memory with bytes that nobody can guess; at most 256, which the kernel gives whole.
void linux_random_bytes(void *bytes, size_t count);

/// Gives the pages of the heap that nothing is in back to the system; the number of bytes is not known.
void linux_trim_heap(void);

/// A number that differs when a file was written or replaced: of its inode and the time of its last change. 0 when there is none.
uint64_t linux_file_version(const char *path);

/// Names the calling thread; at most 15 bytes are kept.
void linux_set_thread_name(const char *name);

#endif
