// Takes the place of functions of the C library in the tests' program: counts what a thread allocates, and lets the time go by that
// OpenSSL sees, which asks `gettimeofday` for the timers of DTLS and has no other way to be told.
#include "CProbe.h"
#include <errno.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PROBE_LEAVES_ALLOCATOR
#endif
#endif

static _Thread_local uint64_t allocations;
static _Thread_local int64_t ahead;

uint64_t probe_allocations(void) { return allocations; }

void probe_set_clock_ahead(int64_t microseconds) { ahead = microseconds; }

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    int64_t microseconds = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + ahead;
    time->tv_sec = microseconds / 1000000;
    time->tv_usec = microseconds % 1000000;
    return 0;
}

#ifdef PROBE_LEAVES_ALLOCATOR

bool probe_counts_allocations(void) { return false; }

#else

bool probe_counts_allocations(void) { return true; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    allocations++;
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    allocations++;
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    allocations++;
    void *found = __libc_memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *block = found;
    return 0;
}

#endif
