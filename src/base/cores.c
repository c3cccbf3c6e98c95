/* cores.c - the affinity mask and the CPU quota of the cgroup (kernel: cgroup-v2.rst, cpu.max). */
#include "base/cores.h"

#include <assert.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_V1 CGROUP_ROOT "/cpu"

/* Cores in the affinity mask; all that are online where the mask is larger than cpu_set_t. */
static size_t cores_by_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

/* First line of the file at path into line; false if there is none. */
static bool first_line(const char *path, char *line, int n)
{
    FILE *f = fopen(path, "re");
    if (!f) return false;
    bool ok = fgets(line, n, f) != NULL;
    (void)fclose(f);
    return ok;
}

/* quota / period rounded up; SIZE_MAX when there is no quota. */
static size_t cores_of_quota(long long quota, long long period)
{
    if (quota <= 0 || period <= 0) return (size_t)-1;
    size_t cores = (size_t)((quota - 1) / period) + 1;
    assert(cores >= 1);
    return cores;
}

/* Quota of a v2 group: "max 100000" or "150000 100000". */
static size_t quota_v2(const char *folder)
{
    char path[PATH_MAX], line[128];
    long long quota, period;
    if (snprintf(path, sizeof path, CGROUP_ROOT "%s/cpu.max", folder) >= (int)sizeof path)
        return (size_t)-1;
    if (!first_line(path, line, sizeof line)) return (size_t)-1;
    if (sscanf(line, "%lld %lld", &quota, &period) != 2) return (size_t)-1;
    return cores_of_quota(quota, period);
}

/* The v2 group of this process ("" for the root) into folder. */
static void own_group(char *folder, size_t n)
{
    char line[PATH_MAX];
    folder[0] = 0;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "0::/", 4) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        (void)snprintf(folder, n, "%s", line + 3);
    }
    (void)fclose(f);
}

/* The least quota on the way from the process's v2 group up to the root. */
static size_t cores_by_quota_v2(void)
{
    char folder[PATH_MAX];
    own_group(folder, sizeof folder);
    size_t least = (size_t)-1;
    for (;;) {
        size_t q = quota_v2(folder);
        if (q < least) least = q;
        char *slash = strrchr(folder, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* The quota of a v1 hierarchy, as a container sees its own at the root. */
static size_t cores_by_quota_v1(void)
{
    char line[128];
    long long quota, period;
    if (!first_line(CGROUP_V1 "/cpu.cfs_quota_us", line, sizeof line)) return (size_t)-1;
    if (sscanf(line, "%lld", &quota) != 1) return (size_t)-1;
    if (!first_line(CGROUP_V1 "/cpu.cfs_period_us", line, sizeof line)) return (size_t)-1;
    if (sscanf(line, "%lld", &period) != 1) return (size_t)-1;
    return cores_of_quota(quota, period);
}

/* Cores this process may use. */
size_t sk_cores(void)
{
    size_t n = cores_by_affinity(), v2 = cores_by_quota_v2(), v1 = cores_by_quota_v1();
    if (v2 < n) n = v2;
    if (v1 < n) n = v1;
    return n ? n : 1;
}
