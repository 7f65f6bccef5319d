#ifndef CBAREECHO_H
#define CBAREECHO_H

// The floor that the reactor is measured against: an echo server that does nothing but receive and send in batches, and the
// load for both.

#include <stdbool.h>
#include <stdint.h>

/// CPU time that the calling thread has used, in nanoseconds.
int64_t bare_thread_cpu_time(void);

/// Binds the calling thread to one processor.
void bare_pin(int processor);

/// How the bare server waits: in recvmmsg itself, or in epoll as every server must that has more than one socket.
enum bare_wait { bare_wait_blocking, bare_wait_epoll };

/// Answers every datagram of `socket` with the same bytes until `*stop` is true and one more datagram has come. Batches of `batch`,
/// at most 64. Returns the CPU time used in nanoseconds.
int64_t bare_echo(int socket, enum bare_wait wait, int batch, const volatile bool *stop);

/// Relays between `count` sockets by epoll, recvfrom and sendto, one datagram at a time: what comes on one is sent back from it.
int64_t bare_relay(const int *sockets, int count, const volatile bool *stop);

/// A UDP socket on a free port of 127.0.0.1 (0 for a free one); the port is stored.
int bare_socket(uint16_t *port);

/// Sends `total` datagrams of `size` bytes from one socket to `port`, never more than `window` of them unanswered, and counts the
/// answers. Returns their number: fewer than `total` when some were lost.
int64_t bare_load(uint16_t port, int64_t total, int size, int window);

/// The same, but answers are counted wherever they come from.
int64_t bare_load_unconnected(uint16_t port, int64_t total, int size, int window);

/// The same from `count` sockets, of which number i sends to `ports[i]`, one datagram of each in turn.
int64_t bare_load_spread(const uint16_t *ports, int count, int64_t total, int size, int window);

#endif
