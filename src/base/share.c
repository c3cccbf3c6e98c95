/* share.c - the page that hosts and guests map.
 *
 * Place i of `busy` counts the engines of host i that have work; a host holds byte 1 + i of the
 * file locked, so a count whose byte is not locked is of a process that died, and is cleared.
 * `bell` is rung by whoever may have ended a wait; guests sleep on it.
 */
#include "base/share.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    HOSTS = 16,
    LOOK_US = 100000, /* between two looks at what nobody rings for */
    SLICE_US = 5000,  /* of work beside a host, by the floor */
    PAGE = 4096
};
#define MAGIC 0x31656b6f74736b73u /* "skstoke1" */

/* In the file; zeros are a good beginning but for the magic. */
typedef struct page {
    _Atomic uint64_t magic;
    char pad[56];
    _Atomic uint32_t busy[HOSTS]; /* a line of the cache: what every guest reads all the time */
    _Atomic uint32_t held, bell, floor; /* floor: in parts of 1,000 */
    _Atomic uint64_t since_us;          /* when the hosts' work began; 0: they have none */
    _Atomic uint64_t ran_us;            /* guests have run since then, by the floor */
    _Atomic uint64_t busy_us, waits, waited_us, slowest_us;
} page;

struct sk_share {
    page *p;
    int fd, host;             /* host: its place, -1: none */
    _Atomic uint64_t free_us; /* a guest may run until then, by the floor */
    _Atomic uint64_t told_us; /* the beginning of work that this guest has given way to */
    bool (*stop)(void *arg);
    void *arg;
    atomic_bool on; /* it goes on to its end */
};

/* Sleeps while the bell has not been rung since `seen`, for so long at most. */
static void sleep_on(page *p, uint32_t seen, uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    (void)syscall(SYS_futex, &p->bell, FUTEX_WAIT, seen, &t, NULL, 0);
}

static void ring(page *p)
{
    atomic_fetch_add(&p->bell, 1);
    (void)syscall(SYS_futex, &p->bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- opening ---- */

/* Two may make the file at once: both write the same. */
static sk_status map_page(sk_share *s, const char *path, sk_err *e)
{
    off_t size = lseek(s->fd, 0, SEEK_END);
    if (size < 0) return sk_fail_errno(e, errno, "cannot read %s", path);
    if (size != 0 && size != PAGE)
        return sk_fail(e, SK_E_FORMAT, "%s is not a file that stoke shares the machine by", path);
    if (size == 0 && ftruncate(s->fd, PAGE))
        return sk_fail_errno(e, errno, "cannot make room in %s", path);
    s->p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (s->p == MAP_FAILED) {
        s->p = NULL;
        return sk_fail_errno(e, errno, "cannot map %s", path);
    }
    uint64_t none = 0;
    if (!atomic_compare_exchange_strong(&s->p->magic, &none, MAGIC) && none != MAGIC)
        return sk_fail(e, SK_E_FORMAT, "%s is not a file that stoke shares the machine by", path);
    return SK_OK;
}

sk_status sk_share_open(const char *path, sk_share **out, sk_err *e)
{
    static_assert(sizeof(page) <= PAGE, "a page");
    sk_share *s = sk_calloc(SK_MEM_MISC, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory to share the machine");
    s->host = -1;
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    sk_status st = SK_OK;
    if (s->fd < 0)
        st = sk_fail_errno(e, errno, "cannot open %s", path);
    else
        st = map_page(s, path, e);
    if (st) {
        sk_share_close(s);
        return st;
    }
    *out = s;
    return SK_OK;
}

void sk_share_close(sk_share *s)
{
    if (!s) return;
    while (s->host >= 0 && atomic_load(&s->p->busy[s->host]) > 0)
        sk_share_end(s);
    if (s->p) (void)munmap(s->p, PAGE);
    if (s->fd >= 0) (void)close(s->fd); /* ends the lock */
    sk_free(s);
}

/* ---- hosts ---- */

/* A lock of place i: of this handle, not of the process, so that it works between two handles of
 * one process too and is not lost with another one's close. */
static struct flock place_lock(int i, short type)
{
    assert(i >= 0 && i < HOSTS);
    return (struct flock){
        .l_type = type, .l_whence = SEEK_SET, .l_start = 1 + i, .l_len = 1, .l_pid = 0};
}

/* True while a host has work. */
static bool any_busy(const page *p)
{
    uint32_t any = 0;
    for (int i = 0; i < HOSTS; i++)
        any |= atomic_load_explicit(&p->busy[i], memory_order_relaxed);
    return any != 0;
}

/* The stretch of time in which hosts have work goes by the counts alone: a host may be killed
 * between any two lines here, and those who come after set it right. */
static void time_begins(page *p)
{
    uint64_t none = 0;
    if (atomic_compare_exchange_strong(&p->since_us, &none, sk_now_us() | 1))
        atomic_store(&p->ran_us, 0);
}

static void time_ends(page *p)
{
    if (any_busy(p)) return;
    uint64_t since = atomic_exchange(&p->since_us, 0), now = sk_now_us();
    if (since && now > since) atomic_fetch_add(&p->busy_us, now - since);
    if (any_busy(p)) time_begins(p); /* began meanwhile, and found the old time */
    ring(p);
}

/* Clears the work of hosts that are no more. */
static void drop_dead(sk_share *s)
{
    for (int i = 0; i < HOSTS; i++) {
        struct flock l = place_lock(i, F_WRLCK);
        uint32_t n = atomic_load(&s->p->busy[i]);
        if (!n || i == s->host || fcntl(s->fd, F_OFD_GETLK, &l) || l.l_type != F_UNLCK) continue;
        /* one guest alone takes the count off */
        if (atomic_compare_exchange_strong(&s->p->busy[i], &n, 0)) time_ends(s->p);
    }
}

sk_status sk_share_host(sk_share *s, sk_err *e)
{
    assert(s->host < 0);
    for (int i = 0; i < HOSTS; i++) {
        struct flock l = place_lock(i, F_WRLCK);
        if (fcntl(s->fd, F_OFD_SETLK, &l)) continue;
        s->host = i;
        /* what the place's last owner left when it was killed */
        if (atomic_exchange(&s->p->busy[i], 0)) time_ends(s->p);
        return SK_OK;
    }
    return sk_fail(e, SK_E_BUSY, "%d servers share the machine already", HOSTS);
}

void sk_share_begin(sk_share *s)
{
    if (!s) return;
    assert(s->host >= 0);
    if (atomic_fetch_add(&s->p->busy[s->host], 1) == 0) time_begins(s->p);
}

void sk_share_end(sk_share *s)
{
    if (!s) return;
    assert(s->host >= 0 && atomic_load(&s->p->busy[s->host]) > 0);
    if (atomic_fetch_sub(&s->p->busy[s->host], 1) == 1) time_ends(s->p);
}

/* ---- guests ---- */

static bool must_wait(const page *p)
{
    return atomic_load_explicit(&p->held, memory_order_relaxed) || any_busy(p);
}

/* True while the floor lets this guest run beside the hosts: slices of a few milliseconds, as long
 * as those since the hosts' work began are less than its part of the time. */
static bool by_floor(sk_share *s)
{
    page *p = s->p;
    uint64_t now = sk_now_us(), until = atomic_load(&s->free_us);
    uint64_t floor = atomic_load(&p->floor), since = atomic_load(&p->since_us);
    if (atomic_load(&p->held) || !floor || !since) return false;
    if (now < until) return true;
    uint64_t due = (now - (now < since ? now : since)) * floor / 1000;
    if (atomic_load(&p->ran_us) + SLICE_US > due) return false;
    if (atomic_compare_exchange_strong(&s->free_us, &until, now + SLICE_US))
        atomic_fetch_add(&p->ran_us, SLICE_US);
    return true;
}

/* The first thread that gives way to a stretch of work says how long that took. */
static void tell(sk_share *s)
{
    page *p = s->p;
    uint64_t since = atomic_load(&p->since_us), told = atomic_load(&s->told_us);
    if (!since || told == since || !atomic_compare_exchange_strong(&s->told_us, &told, since))
        return;
    uint64_t now = sk_now_us(), took = now > since ? now - since : 0;
    uint64_t most = atomic_load(&p->slowest_us);
    while (took > most && !atomic_compare_exchange_weak(&p->slowest_us, &most, took))
        continue;
    atomic_fetch_add(&p->waits, 1);
}

void sk_share_until(sk_share *s, bool (*stop)(void *arg), void *arg)
{
    s->stop = stop;
    s->arg = arg;
}

/* Out of the way of the usual case. */
static void wait_for_hosts(sk_share *s)
{
    page *p = s->p;
    uint64_t from = sk_now_us();
    if (by_floor(s)) return;
    tell(s);
    while (must_wait(p) && !atomic_load(&s->on)) {
        uint32_t seen = atomic_load(&p->bell);
        if (!must_wait(p) || by_floor(s)) break;
        /* with a floor a moment comes for which nobody rings */
        sleep_on(p, seen, atomic_load(&p->floor) ? SLICE_US : LOOK_US);
        drop_dead(s);
        if (s->stop && s->stop(s->arg)) atomic_store(&s->on, true);
    }
    atomic_fetch_add(&p->waited_us, sk_now_us() - from);
}

void sk_share_pass(void *share)
{
    sk_share *s = share;
    if (must_wait(s->p) && !atomic_load_explicit(&s->on, memory_order_relaxed)) wait_for_hosts(s);
}

/* ---- rules and figures ---- */

void sk_share_floor(sk_share *s, double part)
{
    assert(part >= 0 && part <= 1);
    atomic_store(&s->p->floor, (uint32_t)(part * 1000 + 0.5));
    ring(s->p);
}

void sk_share_hold(sk_share *s, bool on)
{
    atomic_store(&s->p->held, on);
    ring(s->p);
}

void sk_share_read(const sk_share *s, sk_share_figures *out)
{
    const page *p = s->p;
    uint64_t since = atomic_load(&p->since_us), now = sk_now_us();
    *out = (sk_share_figures){
        .busy = since != 0,
        .held = atomic_load(&p->held) != 0,
        .busy_us = atomic_load(&p->busy_us) + (since && now > since ? now - since : 0),
        .waits = atomic_load(&p->waits),
        .waited_us = atomic_load(&p->waited_us),
        .slowest_us = atomic_load(&p->slowest_us),
    };
}
