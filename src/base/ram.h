/* ram.h - how much memory this process may use. */
#ifndef SK_BASE_RAM_H
#define SK_BASE_RAM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sk_ram {
    uint64_t
        bytes;  /* the machine's, or what its control group allows if that is less; 0: unknown */
    bool group; /* it is the group's limit */
} sk_ram;

/* Reads the machine's memory and the limits of the process's control group and all groups above it
 * (v2: memory.max, v1: memory.limit_in_bytes).  `root` is put before /proc and /sys, for tests; ""
 * is the system's own. */
sk_ram sk_ram_allowed(const char *root);

/* Bytes that programs can still take without the machine swapping, as the kernel estimates it
 * (MemAvailable of /proc/meminfo); 0: unknown. */
uint64_t sk_ram_available(const char *root);

#endif
