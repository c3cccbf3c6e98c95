/* clock_step.c - a wall clock that is set, for one tree of processes: preloaded by tests/soak/up.
 *
 * STOKE_CLOCK_FILE names a file of one int64: milliseconds by which the time of day is wrong.  It
 * is mapped, so a new number is seen at once by every process.  Clocks that only measure how much
 * time passes (CLOCK_MONOTONIC, ..) are right as ever, as they are when somebody sets a machine's
 * clock.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t right;           /* before the file is mapped, and without one */
static const _Atomic int64_t *wrong = &right; /* milliseconds */

/* Before main of each process; a file that can't be mapped leaves the clock right, which the soak
 * notices. */
__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("STOKE_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *p = mmap(NULL, sizeof *wrong, PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) wrong = p;
    (void)close(fd);
}

/* In place of the C library's; the kernel is asked directly. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
    long rc = syscall(SYS_clock_gettime, clock, t);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ms = (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000 + atomic_load(wrong);
        t->tv_sec = (time_t)(ms / 1000);
        t->tv_nsec = (long)(ms % 1000) * 1000000 + t->tv_nsec % 1000000;
    }
    return (int)rc;
}

time_t time(time_t *to)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (to) *to = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone)
{
    struct timespec t = {0, 0};
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    to->tv_sec = t.tv_sec;
    to->tv_usec = t.tv_nsec / 1000;
    return 0;
}
