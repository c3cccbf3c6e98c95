/* share.c - the page that hosts and guests map.
 *
 * Place i of `busy` counts the engines of host i that have work; a host holds byte 1 + i of the
 * file locked, so a count whose byte is not locked is of a process that died, and is cleared.
 * `bell` is rung by whoever may have ended a wait; guests sleep on it.
 *
 * With a floor, hosts count what guests are owed and give it to them in turns: a turn begins where
 * a host is between two steps, and it computes nothing until the turn is over.  Were both to
 * compute at once, a floor of 0.2 would be a tenth of the machine, and each step that is under way
 * would take twice as long.
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
    TURN_US = 10000,  /* the shortest turn of guests: what a cache takes to fill is little of it */
    LONG_US = 50000,  /* and the longest where a host's steps are short; the most that stays owed */
    NAP_US = 5000,    /* of a host while it lasts, so that it notices what nobody rings for */
    PART_MOST = 950,  /* of the time, in parts of 1,000, that a floor gives: answers go on */
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
    _Atomic uint64_t turn_us;           /* guests may run until then beside the hosts' work */
    _Atomic uint64_t busy_us, waits, waited_us, slowest_us;
    _Atomic uint64_t counted_us; /* until when `owed` has been counted */
    _Atomic int64_t owed;        /* to guests by the floor, nanoseconds */
    _Atomic uint32_t asked;      /* a guest has waited since the last turn began */
    _Atomic uint64_t given_us;   /* turns, in all */
} page;

struct sk_share {
    page *p;
    int fd, host;             /* host: its place, -1: none */
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

/* Counts what guests are owed for the time since it was counted last, and returns how long that
 * was; each moment is counted by one host only. */
static uint64_t count_owed(page *p)
{
    uint64_t now = sk_now_us(), from = atomic_exchange(&p->counted_us, now);
    uint64_t part = atomic_load(&p->floor), us = now > from ? now - from : 0;
    if (!atomic_load(&p->since_us)) return 0;
    if (part > PART_MOST) part = PART_MOST;
    /* what nobody came for is not kept for long */
    if (atomic_load(&p->owed) > (int64_t)LONG_US * 1000)
        atomic_store(&p->owed, (int64_t)LONG_US * 1000);
    atomic_fetch_add(&p->owed, (int64_t)(us * part));
    return us;
}

/* The stretch of time in which hosts have work goes by the counts alone: a host may be killed
 * between any two lines here, and those who come after set it right. */
static void time_begins(page *p)
{
    uint64_t none = 0, now = sk_now_us();
    if (atomic_compare_exchange_strong(&p->since_us, &none, now | 1))
        atomic_store(&p->counted_us, now);
}

static void time_ends(page *p)
{
    if (any_busy(p)) return;
    (void)count_owed(p);
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

/* Stands still while guests have their turn. */
static void stand(page *p)
{
    for (bool stood = false;; stood = true) {
        uint32_t seen = atomic_load(&p->bell);
        uint64_t now = sk_now_us(), until = atomic_load(&p->turn_us);
        if (now >= until || atomic_load(&p->held)) {
            if (stood) (void)count_owed(p); /* so that the next count is of a step */
            return;
        }
        sleep_on(p, seen, until - now < NAP_US ? until - now : NAP_US);
    }
}

/* A turn is as long as settles what is owed, its own time included: owed / (1 - floor).  Beside
 * steps that are long it may be twice as long as the one before it. */
void sk_share_turn(sk_share *s)
{
    if (!s || !atomic_load_explicit(&s->p->floor, memory_order_relaxed)) return;
    page *p = s->p;
    uint64_t step = count_owed(p), part = atomic_load(&p->floor), now = sk_now_us();
    uint64_t until = atomic_load(&p->turn_us), most = 2 * step > LONG_US ? 2 * step : LONG_US;
    int64_t owed = atomic_load(&p->owed);
    uint64_t turn = owed > 0 ? (uint64_t)owed / (1000 - (part > PART_MOST ? PART_MOST : part)) : 0;
    if (turn > most) turn = most;
    /* who asked takes one turn for it: a guest that was killed asks no more */
    bool begins = now >= until && turn >= TURN_US && !atomic_load(&p->held) &&
                  atomic_exchange(&p->asked, 0) &&
                  atomic_compare_exchange_strong(&p->turn_us, &until, now + turn);
    if (begins) {
        atomic_fetch_sub(&p->owed, (int64_t)turn * 1000);
        atomic_fetch_add(&p->given_us, turn);
        ring(p);
    }
    stand(p);
}

/* ---- guests ---- */

static bool must_wait(const page *p)
{
    if (atomic_load_explicit(&p->held, memory_order_relaxed)) return true;
    return any_busy(p) && sk_now_us() >= atomic_load(&p->turn_us);
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
    tell(s);
    while (must_wait(p) && !atomic_load(&s->on)) {
        uint32_t seen = atomic_load(&p->bell);
        atomic_store(&p->asked, 1);
        if (!must_wait(p)) break;
        sleep_on(p, seen, LOOK_US);
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
    (void)count_owed(s->p); /* by the floor there was */
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
        .given_us = atomic_load(&p->given_us),
        .asked = atomic_load(&p->asked) != 0,
    };
}
