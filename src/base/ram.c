/* ram.c - memory of the machine and limits of control groups (kernel: cgroup-v2.rst, memory.max;
 * cgroup-v1/memory.rst, memory.limit_in_bytes). */
#include "base/ram.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/memory"

/* The number in a file; UINT64_MAX where there is none ("max", no file). */
static uint64_t number_in(const char *root, const char *mount, const char *group, const char *name)
{
    char path[PATH_MAX];
    uint64_t n = UINT64_MAX;
    if (snprintf(path, sizeof path, "%s%s%s/%s", root, mount, group, name) >= (int)sizeof path)
        return n;
    FILE *f = fopen(path, "re");
    if (!f) return n;
    if (fscanf(f, "%20" SCNu64, &n) != 1) n = UINT64_MAX;
    (void)fclose(f);
    return n;
}

/* The least limit from `group` up to the root of its mount; in a container the names above are not
 * there, and the root is its own. */
static uint64_t least_above(const char *root, const char *mount, char *group, const char *name)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        uint64_t n = number_in(root, mount, group, name);
        if (n < least) least = n;
        char *slash = strrchr(group, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* Whether a comma-separated list of controllers has "memory". */
static bool has_memory(const char *list, size_t n)
{
    for (const char *p = list, *end = list + n; p < end;) {
        size_t len = strcspn(p, ",:");
        if (len == 6 && strncmp(p, "memory", 6) == 0) return true;
        p += len + 1;
    }
    return false;
}

/* The limit that one line of /proc/self/cgroup ("4:memory:/a/b", "0::/a/b") leads to. */
static uint64_t limit_of_line(const char *root, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
    if (!group) return UINT64_MAX;
    size_t n = (size_t)(group - list - 1);
    group++;
    if (strcmp(group, "/") == 0) *group = 0;
    if (n == 0) return least_above(root, V2, group, "memory.max");
    if (has_memory(list + 1, n)) return least_above(root, V1, group, "memory.limit_in_bytes");
    return UINT64_MAX;
}

/* Unlimited groups of v1 say a number close to 2^63, which is more than any machine has. */
sk_ram sk_ram_allowed(const char *root)
{
    char path[PATH_MAX], line[PATH_MAX];
    uint64_t least = UINT64_MAX;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    sk_ram ram = {.bytes = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0};
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        uint64_t n = limit_of_line(root, line);
        if (n < least) least = n;
    }
    if (f) (void)fclose(f);
    if (least < ram.bytes || (!ram.bytes && least < UINT64_MAX))
        ram = (sk_ram){.bytes = least, .group = true};
    return ram;
}

uint64_t sk_ram_available(const char *root)
{
    char path[PATH_MAX], line[256];
    uint64_t kib = 0;
    (void)snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %20" SCNu64 " kB", &kib) == 1) break;
    if (f) (void)fclose(f);
    return kib * 1024;
}
