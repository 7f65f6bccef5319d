#pragma once
#include <stdint.h>

/// Blocks that the process took from the allocator so far.
uint64_t allocation_count(void);
