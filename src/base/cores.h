/* cores.h - how many cores this process may use. */
#ifndef SK_BASE_CORES_H
#define SK_BASE_CORES_H

#include <stddef.h>

/* Cores this process may use, at least 1: the affinity mask cut down by the cgroup's CPU quota (v2,
 * or v1), rounded up. */
size_t sk_cores(void);

#endif
