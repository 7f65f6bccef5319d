#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Whether the allocator's entry points are counted: not under the address sanitizer, which has its own.
bool probe_counts_allocations(void);

/// Blocks that this thread has taken from the allocator.
uint64_t probe_allocations(void);

/// Puts the clock that libraries ask by `gettimeofday` on this thread ahead of the true time, by microseconds.
void probe_set_clock_ahead(int64_t microseconds);
